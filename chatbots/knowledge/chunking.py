"""Splitting a document into chunks along its headings. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from chatbots.knowledge.documents import Block, Kind
from chatbots.knowledge.sentences import pieces, sentences

# Some 300 tokens. With larger ones the embeddings find less.
CHUNK_LENGTH = 1200
# The most that is taken for one sentence.
SENTENCE_LENGTH = 600
# Blocks that say little apart from their neighbours.
TOGETHER = frozenset({Kind.LIST_ITEM, Kind.TABLE_ROW})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """A block, or a part of a long one, by its sentences; code and rows of tables are one each."""

    kind: Kind
    sentences: Sequence[str]

    def __len__(self) -> int:
        return len(" ".join(self.sentences))


@dataclass(frozen=True, slots=True)
class Draft:
    """A chunk before it is stored."""

    headings: Sequence[str]
    parts: Sequence[Part]


def split(blocks: Iterable[Block], length: int = CHUNK_LENGTH) -> Iterator[Draft]:
    """Yield chunks of at most length characters, none of which reaches across a heading."""
    for headings, section in groupby(blocks, key=lambda block: block.headings):
        parts = [part for block in section for part in parts_of(block, length)]
        for packed in pack(runs(parts, length), length, size=len):
            yield Draft(headings, packed)


def parts_of(block: Block, length: int) -> Iterator[Part]:
    """Yield the block, cut if it is longer than a chunk: text between sentences, code by lines."""
    if block.kind is Kind.CODE:
        cut = list(code_pieces(block.text.strip("\n"), length))
    elif block.kind is Kind.TABLE_ROW:
        cut = pieces(" ".join(block.text.split()), length)
    else:
        cut = [
            piece
            for sentence in sentences(block.text)
            for piece in pieces(sentence, SENTENCE_LENGTH)
        ]
    for packed in pack(([piece] for piece in cut), length, size=len):
        yield Part(block.kind, packed)


def code_pieces(code: str, length: int) -> Iterator[str]:
    lines = (
        line[start : start + length]
        for line in code.split("\n")
        for start in range(0, max(len(line), 1), length)
    )
    for packed in pack(([line] for line in lines), length, size=len):
        yield "\n".join(packed)


def runs(parts: Sequence[Part], length: int) -> Iterator[list[Part]]:
    """Yield the parts that stay together: lists and tables, where they fit into a chunk."""
    for kind, group in groupby(parts, key=lambda part: part.kind):
        run = list(group)
        if kind in TOGETHER and sum(len(part) + 1 for part in run) <= length:
            yield run
        else:
            yield from ([part] for part in run)


def pack(
    groups: Iterable[Sequence[T]], length: int, *, size: Callable[[T], int]
) -> Iterator[list[T]]:
    """Join consecutive groups while their items, and a separator after each, fit into length."""
    packed: list[T] = []
    room = length
    for group in groups:
        needed = sum(size(item) + 1 for item in group)
        if packed and needed > room:
            yield packed
            packed, room = [], length
        packed += group
        room -= needed
    if packed:
        yield packed
