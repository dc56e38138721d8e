"""Reading documents and presentations of Office."""

import io
import posixpath
import re
from xml.etree.ElementTree import Element
from zipfile import ZipFile

import mammoth

from chatbots.knowledge.documents import Document, Kind
from chatbots.knowledge.extraction import characters
from chatbots.knowledge.extraction.archives import DAMAGED, open_archive, read_xml
from chatbots.knowledge.extraction.hidden_text import without_hidden_text
from chatbots.knowledge.extraction.html import read_markup
from chatbots.knowledge.extraction.reading import Outline, Reading, Unreadable
from chatbots.knowledge.extraction.tables import row_text

MAX_SLIDES = 1_000
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
TITLES = ("title", "ctrTitle")
FURNITURE = ("dt", "ftr", "sldNum", "hdr")  # dates, footers, numbers of slides
YES, NO = ("1", "true"), ("0", "false")


def read_docx(content: bytes) -> Reading:
    """Read a document by way of HTML, without its pictures and hidden text. Raises Unreadable."""
    with open_archive(content) as archive:
        shown = without_hidden_text(content, archive)
        title = core_title(archive)
    try:
        html = mammoth.convert_to_html(
            io.BytesIO(shown),
            convert_image=mammoth.images.img_element(lambda image: {}),
            style_map="p[style-name='Title'] => h1:fresh",
            external_file_access=False,
        ).value
    except Exception as error:  # mammoth raises whatever its parts raise
        raise Unreadable(DAMAGED) from error
    return read_markup(f"<title>{title}</title><main>{html}</main>")


def core_title(archive: ZipFile) -> str:
    try:
        found = read_xml(archive, "docProps/core.xml").find(
            "{http://purl.org/dc/elements/1.1/}title"
        )
    except KeyError:
        return ""
    return characters.line(found.text or "").replace("<", "") if found is not None else ""


def read_pptx(content: bytes) -> Reading:
    """Read a presentation, each slide under its title.

    Hidden slides, hidden shapes and notes are left out.
    """
    outline = Outline()
    with open_archive(content) as archive:
        try:
            for name in slide_names(archive):
                slide = read_xml(archive, name)
                if slide.get("show") not in NO:
                    add_slide(outline, slide)
            title = core_title(archive)
        except KeyError as error:
            raise Unreadable(DAMAGED) from error
    return Reading(Document(title, tuple(outline.blocks)))


def slide_names(archive: ZipFile) -> list[str]:
    """Return the parts that are slides, in the presentation's order."""
    targets = {
        relation.get("Id"): posixpath.normpath(posixpath.join("ppt", relation.get("Target", "")))
        for relation in read_xml(archive, "ppt/_rels/presentation.xml.rels")
    }
    ids = read_xml(archive, "ppt/presentation.xml").iter(f"{P}sldId")
    return [targets[slide.get(f"{REL}id")].lstrip("/") for slide in ids][:MAX_SLIDES]


def add_slide(outline: Outline, slide: Element) -> None:
    remove_hidden_shapes(slide)
    shapes = [(placeholder_of(shape), shape) for shape in slide.iter(f"{P}sp")]
    titles = [paragraphs(shape) for kind, shape in shapes if kind in TITLES]
    outline.add_heading(1, " ".join(text for title in titles for text, _ in title))
    for kind, shape in shapes:
        if kind not in TITLES and kind not in FURNITURE:
            for text, level in paragraphs(shape):
                outline.add(text, Kind.LIST_ITEM if level or kind == "body" else Kind.PARAGRAPH)
    for table in slide.iter(f"{A}tbl"):
        rows = [[cell_text(cell) for cell in row.iter(f"{A}tc")] for row in table.iter(f"{A}tr")]
        for row in rows[1:] or rows:
            outline.add(row_text(rows[0] if len(rows) > 1 else [], row), Kind.TABLE_ROW)


def remove_hidden_shapes(slide: Element) -> None:
    """Remove what the selection pane hides: shapes, tables, and groups with all that is in them."""
    waiting = [slide]
    while waiting:
        element = waiting.pop()
        element[:] = [child for child in element if not is_hidden(child)]
        waiting += element


def is_hidden(shape: Element) -> bool:
    properties = shape.find(f"*/{P}cNvPr")
    return properties is not None and properties.get("hidden") in YES


def placeholder_of(shape: Element) -> str:
    """Return what a shape is for: `title`, `body`, …; the empty text for a free text box."""
    placeholder = shape.find(f"{P}nvSpPr/{P}nvPr/{P}ph")
    return "" if placeholder is None else placeholder.get("type", "body")


def paragraphs(shape: Element) -> list[tuple[str, int]]:
    """Return the paragraphs of a shape with their levels of indentation."""
    found = []
    for paragraph in shape.iter(f"{A}p"):
        level = paragraph.find(f"{A}pPr")
        indent = level.get("lvl", "0") if level is not None else "0"
        if text := cell_text(paragraph):
            found.append((text, int(indent) if re.fullmatch("[0-8]", indent) else 0))
    return found


def cell_text(element: Element) -> str:
    parts = (part.text or "" if part.tag == f"{A}t" else " " for part in element.iter())
    return characters.line("".join(parts))
