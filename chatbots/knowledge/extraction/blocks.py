"""Walking over a tree of HTML, from which text comes as blocks under headings."""

import re

from selectolax.lexbor import LexborNode

from chatbots.knowledge.documents import Block, Kind
from chatbots.knowledge.extraction import characters
from chatbots.knowledge.extraction.reading import Outline
from chatbots.knowledge.extraction.tables import rows_of

HEADINGS = {f"h{level}": level for level in range(1, 7)}
# Titles of parts that open on a click, as questions in lists of them do; below all headings.
OPENS = 7
# Elements that stand in a line of text; all others begin and end a block.
INLINE = frozenset(
    re.findall(
        r"\w+",
        "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q rb"
        " rp rt ruby s samp small span strike strong sub sup time tt u var wbr",
    )
)
ENDS_PARTS = frozenset({"details", "dl"})
SHORT_CHARACTERS = 120
# Deeper than any page that people wrote; what is below is taken as plain text.
MAX_DEPTH = 150


def read_blocks(root: LexborNode | None, title: str) -> tuple[str, tuple[Block, ...]]:
    """Return the title and the blocks below an element.

    A page's only first heading is its title; it stands in no path.
    """
    if root is None:
        return title, ()
    first = root.css("h1")
    own_title = characters.line(first[0].text(separator=" ")) if len(first) == 1 else ""
    walker = Walker(own_title)
    walker.walk(root, 0)
    walker.flush()
    return own_title or title, tuple(walker.outline.blocks)


class Walker:
    def __init__(self, title: str) -> None:
        self.title = title
        self.outline = Outline()
        self.text: list[str] = []
        self.kind = Kind.PARAGRAPH

    def walk(self, node: LexborNode, depth: int) -> None:
        child = node.first_child
        while child is not None:
            self.visit(child, depth + 1)
            child = child.next

    def visit(self, node: LexborNode, depth: int) -> None:
        tag = node.tag or ""
        if node.is_text_node or depth > MAX_DEPTH:
            self.text.append(" ".join(re.split(r"\s+", node.text(deep=depth > MAX_DEPTH))))
        elif tag in HEADINGS:
            self.add_heading(HEADINGS[tag], node)
        elif tag == "summary" or is_control(node):
            self.add_heading(OPENS, node)
        elif tag == "br":
            self.text.append("\n")
        elif tag in INLINE:
            self.walk(node, depth)
        elif node.is_element_node and tag != "button":
            self.visit_block(tag, node, depth)

    def visit_block(self, tag: str, node: LexborNode, depth: int) -> None:
        if tag != "dd":  # its term begins the block
            self.flush()
        if tag == "pre":
            self.outline.add(characters.code(node.text()), Kind.CODE)
        elif tag == "table" and (rows := rows_of(node)):
            for row in rows:
                self.outline.add(row, Kind.TABLE_ROW)
        elif tag == "dt":
            self.visit_term(node)
        else:
            outside, self.kind = self.kind, Kind.LIST_ITEM if tag == "li" else self.kind
            self.walk(node, depth)
            self.flush()
            self.kind = outside
            if tag in ENDS_PARTS:
                self.outline.leave(OPENS)

    def visit_term(self, node: LexborNode) -> None:
        """Let a term with a short explanation begin its line, and one with a long one a part."""
        explanation = node.next
        while explanation is not None and not explanation.is_element_node:
            explanation = explanation.next
        term = characters.line(node.text(separator=" ")).rstrip(":")
        if explanation is None or len(explanation.text()) > SHORT_CHARACTERS:
            self.outline.add_heading(OPENS, term)
        elif term:
            self.outline.leave(OPENS)
            self.text.append(f"{term}: ")

    def add_heading(self, level: int, node: LexborNode) -> None:
        self.flush()
        text = characters.line(node.text(separator=" "))
        if level > 1 or text != self.title:
            self.outline.add_heading(level, text)

    def flush(self) -> None:
        """End the block that the text since the last one is."""
        # A line break in the source is a space; one that an element makes was kept apart.
        text = characters.lines("".join(self.text))
        self.text.clear()
        self.outline.add(text, self.kind)


def is_control(node: LexborNode) -> bool:
    """Say whether this opens a part of the page."""
    return node.tag == "button" and (
        "aria-controls" in node.attributes or "aria-expanded" in node.attributes
    )
