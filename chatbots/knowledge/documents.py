"""What a page or file says, as blocks of text under headings, whatever its format. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    PARAGRAPH = "p"
    LIST_ITEM = "li"
    TABLE_ROW = "row"
    CODE = "pre"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, an item of a list, a row of a table, or a piece of code.

    `headings` is the path to it, outermost first, without the document's title. In a table row each
    cell stands behind its column's name (`Plan: Basic; Price: 9 EUR`), so that it reads by itself.
    """

    text: str
    headings: tuple[str, ...] = ()
    kind: Kind = Kind.PARAGRAPH


@dataclass(frozen=True, slots=True)
class Document:
    """A page of a site, or a file, as far as it can be read as text."""

    title: str
    blocks: tuple[Block, ...]
    language: str = ""  # an ISO 639-1 code, where the document says it

    @property
    def text(self) -> str:
        """Return all of it, as its owner may check it."""
        lines: list[str] = []
        headings: tuple[str, ...] = ()
        for block in self.blocks:
            if block.headings != headings:
                headings = block.headings
                lines += [f"# {headings[-1]}"] if headings else []
            lines.append(f"- {block.text}" if block.kind is Kind.LIST_ITEM else block.text)
        return "\n\n".join(lines)
