"""What the pages of a site repeat is left out."""

from chatbots.knowledge.boilerplate import repeated_texts, without
from chatbots.knowledge.documents import Block, Document

FOOTER = Block("Imprint and privacy")


def pages(number: int) -> list[Document]:
    return [Document(f"{n}", (Block(f"Page {n}"), FOOTER)) for n in range(number)]


def test_what_most_pages_say_is_left_out() -> None:
    site = [*pages(6), Document("x", (Block("Twice"), Block("Twice"))), Document("y", (FOOTER,))]
    repeated = repeated_texts(site)
    assert [without(page, repeated).blocks for page in site[:2]] == [
        (Block("Page 0"),),
        (Block("Page 1"),),
    ]
    assert without(site[6], repeated) is site[6]
    assert without(site[7], repeated).blocks == ()


def test_of_few_pages_nothing_is_known() -> None:
    assert not repeated_texts(pages(3))


def test_what_half_of_the_pages_say_is_kept() -> None:
    assert not repeated_texts([*pages(2), Document("a", ()), Document("b", ())])
