"""What becomes of a page or file: a document and its links, or the reason why there is none."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from chatbots.knowledge.documents import Block, Document, Kind

# No page that people read has more of either; beyond them nothing is learnt.
MAX_CHARACTERS = 2_000_000
MAX_BLOCKS = 50_000


class Unreadable(Exception):
    """A file cannot be read as text. The message says why, and is shown to its owner."""


@dataclass(frozen=True, slots=True)
class File:
    """What is to be read, and what its origin says of it."""

    content: bytes = field(repr=False)
    name: str = ""
    url: str = ""  # its links are relative to
    media_type: str = ""
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A document, and what only a page of a site has: links and wishes about robots."""

    document: Document
    links: tuple[str, ...] = ()
    canonical: str = ""  # where the page says that its content belongs, if it does
    may_index: bool = True
    may_follow: bool = True
    needs_javascript: bool = False

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False).encode("utf-8", "replace")

    def stored(self, links: Sequence[str] = ()) -> dict[str, Any]:
        """Return what of it is stored with a page, with those of its links that matter."""
        return {"document": asdict(self.document), "links": list(links)}

    @classmethod
    def from_json(cls, data: bytes) -> "Reading":
        fields = json.loads(data)
        document = document_from(fields.pop("document"))
        return cls(document=document, links=tuple(fields.pop("links")), **fields)


def document_from(fields: dict[str, Any]) -> Document:
    """Return the document that `asdict` made these fields from."""
    blocks = tuple(
        Block(block["text"], tuple(block["headings"]), Kind(block["kind"]))
        for block in fields["blocks"]
    )
    return Document(fields["title"], blocks, fields["language"])


@dataclass(slots=True)
class Outline:
    """Collects blocks under the headings that stand above them."""

    blocks: list[Block] = field(default_factory=list)
    _levels: list[tuple[int, str]] = field(default_factory=list)
    _characters: int = 0

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self._levels)

    def add_heading(self, level: int, text: str) -> None:
        """Begin a section; it ends those of the same level and of deeper ones."""
        self.leave(level)
        if text:
            self._levels.append((level, text))

    def leave(self, level: int) -> None:
        while self._levels and self._levels[-1][0] >= level:
            self._levels.pop()

    def add(self, text: str, kind: Kind = Kind.PARAGRAPH) -> None:
        """Add a block, unless it is blank. Raises Unreadable once there are too many."""
        if not text:
            return
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS or len(self.blocks) >= MAX_BLOCKS:
            raise Unreadable(f"It has more than {MAX_CHARACTERS:,} characters: split it.")
        self.blocks.append(Block(text, self.path, kind))
