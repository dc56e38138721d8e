"""Reading PDFs, which have letters in places: paragraphs and headings are inferred."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pypdfium2

from chatbots.knowledge.documents import Document, Kind
from chatbots.knowledge.extraction import characters
from chatbots.knowledge.extraction.reading import Outline, Reading, Unreadable

MAX_PAGES = 1_000
# So much taller than most of the text a line has to be to be a heading.
HEADING_RATIO = 1.15
HEADING_CHARACTERS = 150
BULLET = re.compile(r"[•◦▪‣●○–-]\s+")
# A paragraph does not end after a line that is at least so long, compared with most lines.
FULL_LINE = 0.75
# On so many pages the first or last line, it is a running title or a page number.
RUNNING_SHARE = 0.5
REASONS = {
    "password": "The PDF is protected by a password: save it without one.",
    "format": "The file is damaged: it cannot be read as a PDF.",
}


class Line(NamedTuple):
    text: str
    height: float


def read_pdf(content: bytes) -> Reading:
    """Read a PDF's text. Raises Unreadable, if it is scanned too."""
    document = open_pdf(content)
    if len(document) > MAX_PAGES:
        raise Unreadable(f"The PDF has more than {MAX_PAGES:,} pages: split it.")
    title = characters.line(document.get_metadata_value("Title"))
    pages = without_running_titles([lines_of(page) for page in document])
    if not any(pages):
        raise Unreadable("The PDF has no text, only pictures of it: scans cannot be read.")
    return Reading(Document(title, tuple(outline_of(pages).blocks)))


def open_pdf(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        is_locked = getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD
        raise Unreadable(REASONS["password" if is_locked else "format"]) from error


def lines_of(page: pypdfium2.PdfPage) -> list[Line]:
    text_page = page.get_textpage()
    lines, position = [], 0
    for text in text_page.get_text_range(errors="replace").split("\n"):
        shown = characters.line(text)
        if shown:
            indent = len(text) - len(text.lstrip())
            lines.append(Line(shown, height_at(text_page, position + indent)))
        position += len(text) + 1
    return lines


def height_at(text_page: pypdfium2.PdfTextPage, position: int) -> float:
    """Return the height of the letter there, 0 where PDFium does not know it."""
    index = pypdfium2.raw.FPDFText_GetCharIndexFromTextIndex(text_page, position)
    try:
        _, bottom, _, top = text_page.get_charbox(index, loose=True)
    except (pypdfium2.PdfiumError, ValueError):
        return 0.0
    return float(round(top - bottom, 1))


def without_running_titles(pages: list[list[Line]]) -> list[list[Line]]:
    """Return the pages without the lines at their edges that most of them have in common."""
    if len(pages) < 3:
        return pages
    seen = Counter(
        text for page in pages for text in {unnumbered(line.text) for line in edges(page)}
    )
    running = {text for text, number in seen.items() if number > RUNNING_SHARE * len(pages)}
    return [
        [line for line in page if line not in edges(page) or unnumbered(line.text) not in running]
        for page in pages
    ]


def edges(page: list[Line]) -> list[Line]:
    return page[:1] + page[-1:]


def unnumbered(text: str) -> str:
    return re.sub(r"\d+", "#", text)


def outline_of(pages: list[list[Line]]) -> Outline:
    lines = [line for page in pages for line in page]
    usual = most_common_height(lines)
    sizes = sorted({line.height for line in lines if is_heading(line, usual)}, reverse=True)
    width = usual_width(lines)
    outline, paragraph = Outline(), list[str]()
    for line in lines:
        if is_heading(line, usual):
            add_paragraph(outline, paragraph)
            outline.add_heading(sizes.index(line.height) + 1, line.text)
            continue
        if BULLET.match(line.text):
            add_paragraph(outline, paragraph)
        paragraph.append(line.text)
        if len(line.text) < FULL_LINE * width or len(paragraph) > 60:
            add_paragraph(outline, paragraph)
    add_paragraph(outline, paragraph)
    return outline


def add_paragraph(outline: Outline, lines: list[str]) -> None:
    """Add the lines as a paragraph or an item of a list, words that were divided joined again."""
    text = ""
    for line in lines:
        is_divided = text.endswith("-") and line[:1].islower()
        text = text[:-1] + line if is_divided else f"{text} {line}"
    lines.clear()
    text = text.strip()
    is_item = BULLET.match(text) is not None
    outline.add(BULLET.sub("", text, count=1), Kind.LIST_ITEM if is_item else Kind.PARAGRAPH)


def is_heading(line: Line, usual: float) -> bool:
    return line.height > usual * HEADING_RATIO and len(line.text) <= HEADING_CHARACTERS


def most_common_height(lines: Iterable[Line]) -> float:
    heights: Counter[float] = Counter()
    for line in lines:
        heights[line.height] += len(line.text)
    return heights.most_common(1)[0][0]


def usual_width(lines: list[Line]) -> int:
    """Return how many characters a full line has: nine in ten lines are no longer."""
    widths = sorted(len(line.text) for line in lines)
    return widths[len(widths) * 9 // 10]
