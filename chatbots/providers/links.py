"""What a language model may write: text and Markdown, without images, HTML and foreign links. Pure.

A passage may hold instructions of whoever wrote the page, and a model may obey them. What it can do
then is to say something wrong. It must not make a visitor's browser load an address (an image that
carries the conversation away), nor offer a link that the owner's content does not have.

`LinkFilter` takes a text in pieces and returns what is safe so far. It holds back what more text
could still turn into a tag, a link or an address, and nothing else. How the text is cut into pieces
makes no difference to what comes out as a whole.
"""

import re
from collections.abc import Iterable, Iterator

# No tag, link or address is waited for beyond so many characters.
HELD_MAX = 2000
# What is put in the place of an address that was left out.
LEFT_OUT = "[…]"

# What is a link when it stands in a text by itself, to the usual renderers.
SCHEMES = ("http://", "https://", "ftp://", "www.", "mailto:", "javascript:", "vbscript:", "data:")
# What of a text belongs to an address that begins in it; its last characters may end a sentence.
RUN = r"[^\s<>\[\]\"`|]*"
END_OF_RUN = re.compile(r"[\s<>\[\]\"`|]")
CLOSING = ".,;:!?'*_~)"
ADDRESS = re.compile(
    rf"(?:[a-z][a-z0-9+.-]*://|(?<![a-z0-9])(?:{'|'.join(map(re.escape, SCHEMES))})){RUN}",
    re.IGNORECASE,
)
ALLOWED = re.compile(r"https?://|www\.|mailto:", re.IGNORECASE)

# Where something may begin that has to be looked at: a tag, the end of a link's text, an address.
# One whose scheme is not listed is noticed at its `://`.
INITIALS = "".join(sorted({scheme[0] for scheme in SCHEMES}))
CANDIDATE = re.compile(rf"[<\]:]|(?<![a-z0-9])[{INITIALS}]", re.IGNORECASE)
TAG_INITIAL = re.compile(r"[A-Za-z/!?]")
# A Markdown renderer reads `\:` and `&#58;` as `:`, so that they could hide an address.
ESCAPED = re.compile(r"\\+(?=[:/.])")
ESCAPE_AT_END = re.compile(r"\\+\Z")
# Characters that may stand alone, but not before others: `![` begins an image, `](` a link's
# address, `]:` its definition elsewhere.
PAIRS = re.compile(r"!+(?=\[)|(?<=\])(?=[(:])|(?<=&)(?=#|colon;|sol;|period;)")
FIRST_OF_PAIR_AT_END = re.compile(r"(?:!+|\]|&[a-z]{0,6})\Z")


def addresses_in(texts: Iterable[str]) -> frozenset[str]:
    """Return the addresses that stand in the texts, with and without what may end a sentence."""
    found = [match.group() for text in texts for match in ADDRESS.finditer(text)]
    return frozenset(
        version for address in found if ALLOWED.match(address) for version in endings(address)
    )


def endings(address: str) -> Iterator[str]:
    """Yield the address, then without its last character for as long as that may be none of it."""
    yield address
    while address[-1:] and address[-1] in CLOSING:
        address = address[:-1]
        yield address


class LinkFilter:
    """Passes a text on, piece by piece, with those links only whose address is allowed."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._escape = ""  # backslashes, which the next character decides about
        self._unread = ""  # what more text could change the meaning of
        self._before = ""  # the character before that
        self._unsent = ""  # safe, unless the next character makes a pair of it
        self._is_final = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what is safe to send by now, which may be nothing."""
        text = self._escape + text
        escape = ESCAPE_AT_END.search(text)
        self._escape = escape.group() if escape else ""
        self._unread += ESCAPED.sub("", text[: len(text) - len(self._escape)])
        return "".join(self._read())

    def finish(self) -> str:
        """Return what was held back, now that nothing more will come."""
        self._is_final = True
        self._unread += self._escape
        return "".join(self._read()) + self._unsent

    def _read(self) -> Iterator[str]:
        while self._unread:
            found = CANDIDATE.search(self._before + self._unread, len(self._before))
            start = found.start() - len(self._before) if found else len(self._unread)
            if start:
                yield self._put(self._take(start))
                continue
            decided = self._decide()
            if decided is None:
                return
            yield decided

    def _take(self, length: int) -> str:
        taken, self._unread = self._unread[:length], self._unread[length:]
        self._before = taken[-1:]
        return taken

    def _put(self, text: str) -> str:
        """Return the text without pairs of characters that must not meet."""
        text = PAIRS.sub(lambda pair: "" if pair.group() else " ", self._unsent + text)
        held = FIRST_OF_PAIR_AT_END.search(text)
        self._unsent = held.group() if held else ""
        return text[: len(text) - len(self._unsent)]

    def _may_grow(self) -> bool:
        return not self._is_final and len(self._unread) < HELD_MAX

    def _decide(self) -> str | None:
        """Read what begins here; return None if that takes more text."""
        match self._unread[0]:
            case "<":
                return self._read_tag()
            case "]":
                return self._read_link()
            case ":":
                return self._read_address("://")
            case _:
                return self._read_word()

    def _read_tag(self) -> str | None:
        """Put a space in the place of a tag or comment, of an allowed address in brackets itself.

        Without the space, what is before and after could join to something that was looked for.
        """
        if len(self._unread) == 1 and self._may_grow():
            return None
        if not TAG_INITIAL.match(self._unread, 1):
            return self._put(self._take(1))
        end = self._unread.find(">", 1, HELD_MAX)
        if end < 0 and self._may_grow():
            return None
        inside = self._take(end + 1 if end > 0 else 1)[1:-1]
        return self._put(f" {inside} " if inside in self._allowed else " ")

    def _read_link(self) -> str | None:
        """Keep `](address)` if the address is allowed, but not a title; else leave it out."""
        if len(self._unread) == 1 and self._may_grow():
            return None
        if self._unread[1:2] != "(":
            return self._put(self._take(1))
        length = closed_at(self._unread, 1)
        if length is None and "\n" not in self._unread and self._may_grow():
            return None
        inside = self._unread[2 : length - 1].split(maxsplit=1) if length else []
        address = inside[0].strip("<>") if inside else ""
        if length and address in self._allowed:
            return self._keep_link(length, address)
        if length and ADDRESS.match(address):
            self._take(length)
            return self._put("]")
        return self._put(self._take(1))

    def _keep_link(self, length: int, address: str) -> str | None:
        """Part it by a space from what would belong to the address if there were no Markdown."""
        end = end_of_run(self._unread, length)
        if end == len(self._unread) and self._may_grow():
            return None
        gap = " " if self._unread[length:end].strip(CLOSING) else ""
        self._take(length)
        text, self._unsent = self._put("]") + self._unsent, ""
        return f"{text}({address}){gap}"

    def _read_word(self) -> str | None:
        start = self._unread[: max(map(len, SCHEMES))].lower()
        for scheme in SCHEMES:
            if start.startswith(scheme) or (scheme.startswith(start) and not self._is_final):
                return self._read_address(scheme)
        return self._put(self._take(1))

    def _read_address(self, scheme: str) -> str | None:
        """Keep an address that stands by itself if it is allowed; else leave it out."""
        start = self._unread[: len(scheme)].lower()
        if len(start) < len(scheme) and scheme.startswith(start) and not self._is_final:
            return None
        end = end_of_run(self._unread, len(scheme)) if start == scheme else 0
        if end == len(self._unread) and self._may_grow():
            return None
        versions = list(endings(self._unread[:end]))
        for version in versions:
            if version in self._allowed:
                return self._put(self._take(len(version)))
        if len(versions[-1]) <= len(scheme):  # a scheme without an address, or none at all
            return self._put(self._take(1))
        self._take(len(versions[-1]))
        return self._put(LEFT_OUT)


def end_of_run(text: str, start: int) -> int:
    """Return where what is no part of an address comes next, or the text ends."""
    end = END_OF_RUN.search(text, start, HELD_MAX)
    return end.start() if end else min(len(text), HELD_MAX)


def closed_at(text: str, start: int) -> int | None:
    """Return where the parenthesis that opens at `start` has been closed, on the same line."""
    depth = 0
    for position, character in enumerate(text[start:HELD_MAX], start):
        depth += (character == "(") - (character == ")")
        if not depth:
            return position + 1
        if character == "\n":
            return None
    return None
