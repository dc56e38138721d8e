"""Chunks of a document: along its headings, and nothing lost."""

from chatbots.knowledge.chunking import CHUNK_LENGTH, split
from chatbots.knowledge.documents import Block, Kind
from chatbots.knowledge.sentences import sentences

PROSE = "\n\n".join(
    f"Paragraph {number} tells of parcels. " + "It goes on for a while, as texts do. " * 12
    for number in range(18)
)
BLOCKS = [Block(paragraph) for paragraph in PROSE.split("\n\n")]


def texts(blocks: list[Block]) -> list[str]:
    return [" ".join(s for part in draft.parts for s in part.sentences) for draft in split(blocks)]


def test_chunks_are_short_and_lose_nothing() -> None:
    chunks = texts(BLOCKS)
    assert max(map(len, chunks)) <= CHUNK_LENGTH
    assert " ".join(chunks).split() == PROSE.split()
    assert len(chunks) < len(BLOCKS)


def test_a_chunk_never_reaches_across_a_heading() -> None:
    blocks = [Block("One.", ("A",)), Block("Two.", ("A",)), Block("Three.", ("A", "B"))]
    drafts = list(split(blocks))
    assert [draft.headings for draft in drafts] == [("A",), ("A", "B")]
    assert texts(blocks) == ["One. Two.", "Three."]


def test_a_list_that_fits_stays_whole() -> None:
    items = [Block(f"Item {number} of the list", kind=Kind.LIST_ITEM) for number in range(30)]
    chunks = texts([Block("Words before it. " * 50), *items])
    assert len(chunks) == 2
    assert all(item.text in chunks[1] for item in items)


def test_long_code_is_cut_between_lines() -> None:
    lines = [f"line_{number} = {number}" for number in range(300)]
    drafts = list(split([Block("\n".join(lines), kind=Kind.CODE)]))
    pieces = [s for draft in drafts for part in draft.parts for s in part.sentences]
    assert "\n".join(pieces).split("\n") == lines
    assert max(map(len, pieces)) <= CHUNK_LENGTH


def test_a_word_without_end_is_cut() -> None:
    chunks = texts([Block("x" * 5000)])
    assert max(map(len, chunks)) <= CHUNK_LENGTH
    assert "".join(chunks).replace(" ", "") == "x" * 5000


def test_sentences_end_where_people_end_them() -> None:
    paragraph = 'Write to Dr. Who, e.g. by mail. "Really?" Yes! Version 3.5 costs 9.50 EUR. ¿Y tú?'
    assert sentences(paragraph) == [
        "Write to Dr. Who, e.g. by mail.",
        '"Really?"',
        "Yes!",
        "Version 3.5 costs 9.50 EUR.",
        "¿Y tú?",
    ]


def test_sentences_lose_no_word() -> None:
    assert " ".join(sentences(PROSE)).split() == PROSE.split()
