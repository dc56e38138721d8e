"""Which format a file has, by its content; its name only tells texts apart."""

import io
import re
import zipfile
from enum import StrEnum
from pathlib import PurePath

from chatbots.knowledge.extraction.archives import DAMAGED
from chatbots.knowledge.extraction.reading import File, Unreadable

LEAD_BYTES = 4096


class Format(StrEnum):
    HTML = "html"
    MARKDOWN = "md"
    PLAIN = "txt"
    TABLE = "csv"
    PDF = "pdf"
    DOCX = "docx"
    PPTX = "pptx"


# What people try to add, and what they can do instead.
REFUSED = {
    b"\x89PNG": "A picture has no text to read.",
    b"\xff\xd8\xff": "A picture has no text to read.",
    b"GIF8": "A picture has no text to read.",
    b"{\\rtf": "RTF cannot be read: save it as DOCX or PDF.",
    b"\x1f\x8b": "An archive cannot be read: unpack it and add its files.",
    b"Rar!": "An archive cannot be read: unpack it and add its files.",
    b"7z\xbc\xaf": "An archive cannot be read: unpack it and add its files.",
    b"\x7fELF": "A program has no text to read.",
    b"MZ": "A program has no text to read.",
}
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Office before 2007, or encrypted since
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
OFFICE_PARTS = {
    "word/document.xml": Format.DOCX,
    "ppt/presentation.xml": Format.PPTX,
}
OTHER_PARTS = {
    "xl/workbook.xml": "An Excel workbook cannot be read: save its sheets as CSV.",
    "content.xml": "OpenDocument cannot be read: save it as DOCX, PPTX or PDF.",
    "META-INF/container.xml": "An e-book cannot be read: save it as PDF.",
}
MARKUP = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*"
    rb"<(!doctype\s+html|html|head|body|title|meta|main|article|div|h[1-6]|p|table)\b",
    re.IGNORECASE | re.DOTALL,
)
# A heading, a fence, the line below a table's head, a link, or a line below a heading.
MARKDOWN = re.compile(
    r"^(#{1,6} \S|```|~~~|\|?[ :|-]*-{3}[ :|-]*\|[ :|-]*$|.*\]\((https?:|/|#)|={3,}$|-{3,}$)",
    re.MULTILINE,
)
PAGES = ("text/html", "application/xhtml+xml")
TABLES = ("text/csv", "text/tab-separated-values")
SUFFIXES = {
    ".csv": Format.TABLE,
    ".tsv": Format.TABLE,
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
}


def recognise(file: File) -> Format:
    """Return the format of a file or page. Raises Unreadable for those that cannot be read."""
    content = file.content
    if not content.strip():
        raise Unreadable("The file is empty.")
    if b"%PDF-" in content[:1024]:
        return Format.PDF
    if content.startswith(b"PK"):
        return recognise_archive(content)
    if content.startswith(COMPOUND):
        raise Unreadable(
            "The file is protected by a password: save it without one."
            if ENCRYPTED_PACKAGE in content
            else "Files of Office 97 to 2003 cannot be read: save it as DOCX, PPTX or PDF."
        )
    for magic, reason in REFUSED.items():
        if content.startswith(magic):
            raise Unreadable(reason)
    return recognise_text(file)


def recognise_archive(content: bytes) -> Format:
    try:
        parts = set(zipfile.ZipFile(io.BytesIO(content)).namelist())
    except Exception as error:  # zipfile raises whatever its parts raise
        raise Unreadable(DAMAGED) from error
    for part, format_ in OFFICE_PARTS.items():
        if part in parts:
            return format_
    for part, reason in OTHER_PARTS.items():
        if part in parts:
            raise Unreadable(reason)
    raise Unreadable("An archive cannot be read: unpack it and add its files.")


def recognise_text(file: File) -> Format:
    lead = file.content[:LEAD_BYTES]
    if b"\0" in lead and not lead.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("This is no text, and none of the formats that can be read.")
    if file.media_type in PAGES or MARKUP.match(lead.lstrip(b"\xef\xbb\xbf")):
        return Format.HTML
    if file.media_type in TABLES:
        return Format.TABLE
    if format_ := SUFFIXES.get(PurePath(file.name).suffix.lower()):
        return format_
    text = file.content.decode("utf-8", "replace")
    return Format.MARKDOWN if MARKDOWN.search(text) else Format.PLAIN
