"""Reading any file that can be read.

Formats are imported where they are needed: each takes time to import, which each page would cost.
"""

from dataclasses import replace
from pathlib import PurePath

from chatbots.knowledge.extraction.characters import decode, line
from chatbots.knowledge.extraction.html import read_html
from chatbots.knowledge.extraction.reading import File, Reading, Unreadable
from chatbots.knowledge.extraction.recognition import Format, recognise


def read(file: File) -> Reading:
    """Read a file, or a page at a URL, in whatever format. Raises Unreadable."""
    format_ = recognise(file)
    if format_ is Format.HTML:
        reading = read_html(file.content, url=file.url, charset=file.charset)
    elif format_ in {Format.MARKDOWN, Format.PLAIN, Format.TABLE}:
        reading = read_text(format_, decode(file.content, file.charset))
    else:
        reading = read_binary(format_, file.content)
    if not file.url and not reading.document.blocks:
        raise Unreadable("There is no text in it.")
    return titled(reading, PurePath(file.name or file.url).stem)


def read_text(format_: Format, text: str) -> Reading:
    from chatbots.knowledge.extraction import texts

    if format_ is Format.MARKDOWN:
        return texts.read_markdown(text)
    return texts.read_table(text) if format_ is Format.TABLE else texts.read_plain(text)


def read_binary(format_: Format, content: bytes) -> Reading:
    if format_ is Format.PDF:
        from chatbots.knowledge.extraction.pdf import read_pdf

        return read_pdf(content)
    from chatbots.knowledge.extraction.office import read_docx, read_pptx

    return read_docx(content) if format_ is Format.DOCX else read_pptx(content)


def titled(reading: Reading, name: str) -> Reading:
    """Return the reading, with a document that is called by this name if it has no title."""
    title = line(reading.document.title) or line(name.replace("_", " "))
    return replace(reading, document=replace(reading.document, title=title))
