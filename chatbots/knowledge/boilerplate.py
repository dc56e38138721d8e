"""Leaving out what the pages of a site repeat: menus, footers, banners. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from chatbots.knowledge.documents import Block, Document

# On fewer pages nothing is known to be repeated.
MIN_PAGES = 4
REPEATED_SHARE = 0.5


def repeated_texts(documents: Iterable[Document]) -> frozenset[int]:
    """Return what stands on more than half of the pages, as hashes, since a site may be large."""
    number, pages_with = 0, Counter[int]()
    for document in documents:
        number += 1
        pages_with.update({fingerprint(block) for block in document.blocks})
    if number < MIN_PAGES:
        return frozenset()
    return frozenset(text for text, pages in pages_with.items() if pages > REPEATED_SHARE * number)


def without(document: Document, repeated: frozenset[int]) -> Document:
    """Return the document without the texts that are repeated on other pages."""
    blocks = tuple(block for block in document.blocks if fingerprint(block) not in repeated)
    return document if len(blocks) == len(document.blocks) else replace(document, blocks=blocks)


def fingerprint(block: Block) -> int:
    return hash(block.text)
