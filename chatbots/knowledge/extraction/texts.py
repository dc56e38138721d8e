"""Reading texts: Markdown, plain text, and tables of comma-separated values."""

import csv
import io
import itertools
import re

from markdown_it import MarkdownIt

from chatbots.knowledge.documents import Document, Kind
from chatbots.knowledge.extraction import characters
from chatbots.knowledge.extraction.html import read_markup
from chatbots.knowledge.extraction.reading import Outline, Reading, Unreadable
from chatbots.knowledge.extraction.tables import MAX_COLUMNS, row_text

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
BLANK_LINES = re.compile(r"\n[ \t]*\n")
BULLET = re.compile(r"[-*•–]\s+")
DELIMITERS = ",;\t|"
SAMPLE_CHARACTERS = 20_000

markdown = MarkdownIt("commonmark", {"maxNesting": 50}).enable("table")


def read_markdown(text: str) -> Reading:
    return read_markup(f"<main>{markdown.render(FRONT_MATTER.sub('', unix_lines(text)))}</main>")


def read_plain(text: str) -> Reading:
    """Read a text as its paragraphs, and lists as their items."""
    outline = Outline()
    for paragraph in BLANK_LINES.split(unix_lines(text)):
        lines = characters.lines(paragraph)
        if all(BULLET.match(item) for item in lines.split("\n")):
            for item in lines.split("\n"):
                outline.add(BULLET.sub("", item, count=1), Kind.LIST_ITEM)
        else:
            outline.add(lines)
    return Reading(Document("", tuple(outline.blocks)))


def read_table(text: str) -> Reading:
    """Read comma-separated values, whatever separates them, as rows under their columns' names."""
    outline = Outline()
    try:
        rows = csv.reader(io.StringIO(characters.visible(text), newline=""), dialect_of(text))
        filled = (cells for row in rows if any(cells := [characters.line(cell) for cell in row]))
        first = next(filled, [])
        names = first if are_names(first) else []
        for cells in itertools.chain([] if names else [first], filled):
            if len(cells) > MAX_COLUMNS:
                raise Unreadable(f"The table has more than {MAX_COLUMNS} columns.")
            outline.add(row_text(names, cells), Kind.TABLE_ROW)
    except csv.Error as error:
        raise Unreadable(f"This is no table of comma-separated values: {error}.") from error
    return Reading(Document("", tuple(outline.blocks)))


def dialect_of(text: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(text[:SAMPLE_CHARACTERS], DELIMITERS)
    except csv.Error:
        return csv.excel


def are_names(cells: list[str]) -> bool:
    """Say whether a first row names columns: all of it, differently, and without numbers."""
    return (
        len(cells) > 1
        and len(set(cells)) == len(cells)
        and all(cell and len(cell) < 60 and not cell[0].isdigit() for cell in cells)
    )


def unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
