"""Text from outside as people see it: decoded, without characters that nobody sees."""

import codecs
import re
import unicodedata

# Zero-width and bidirectional characters, soft hyphens, language tags, and the variation selectors
# that carry hidden texts; controls other than tab and newline; surrogates and private use.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-"
    "\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\uffff"
    "\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
    # Joiners belong to scripts such as Persian and Hindi, and to emoji; beside Latin they hide.
    "|(?<=[\x00-\u024f])[\u200c\u200d]+|[\u200c\u200d]+(?=[\x00-\u024f])"
)
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def visible(text: str) -> str:
    """Return the text in Unicode's composed form, without invisible characters."""
    return INVISIBLE.sub("", unicodedata.normalize("NFC", text))


def line(text: str) -> str:
    """Return the visible text as one line."""
    return " ".join(visible(text).split())


def lines(text: str) -> str:
    """Return the visible text with its line breaks, its lines trimmed and none of them blank."""
    trimmed = (" ".join(part.split()) for part in visible(text).splitlines())
    return "\n".join(part for part in trimmed if part)


def code(text: str) -> str:
    """Return the visible text with its indentation."""
    return visible(text).expandtabs(4).strip("\n").rstrip()


def decode(content: bytes, charset: str = "") -> str:
    """Decode a text by its byte order mark, as UTF-8, or in its declared or a Western encoding."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    for encoding in ("utf-8", charset):
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode("cp1252", "replace")
