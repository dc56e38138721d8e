"""BERT's tokenisation (uncased): words split into the longest pieces that a vocabulary has. Pure.

Devlin et al., “BERT” (2019), and the `tokenization.py` that was published with it. The package
`tokenizers` would do the same and bring the client of a model hub with it.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

MAX_WORD_LENGTH = 100
CACHED_WORDS = 20_000
IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F))


class WordPiece:
    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._ids = {piece: number for number, piece in enumerate(vocabulary)}
        self._start, self._end = self._ids["[CLS]"], self._ids["[SEP]"]
        self._unknown = (self._ids["[UNK]"],)
        self._pieces = lru_cache(CACHED_WORDS)(self._split)

    def encode(self, text: str, max_tokens: int) -> list[int]:
        """Return the ids of at most max_tokens pieces, the marks of start and end included."""
        ids = [self._start]
        for word in words(text):
            ids += self._pieces(word)
            if len(ids) >= max_tokens:
                break
        return [*ids[: max_tokens - 1], self._end]

    def _split(self, word: str) -> tuple[int, ...]:
        if len(word) > MAX_WORD_LENGTH:
            return self._unknown
        pieces: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                if (piece := self._ids.get(prefix + word[start:end])) is not None:
                    pieces.append(piece)
                    start = end
                    break
            else:
                return self._unknown
        return tuple(pieces)


class Spacing(dict[int, str]):
    """What str.translate puts in a character's place, worked out when it is first met."""

    def __missing__(self, codepoint: int) -> str:
        character = chr(codepoint)
        category = unicodedata.category(character)
        if character.isspace() or category == "Zs":
            result = " "
        elif category in {"Mn", "Cc", "Cf", "Co", "Cn"} or character == "\ufffd":
            result = ""
        elif stands_alone(codepoint, category):
            result = f" {character} "
        else:
            result = character
        self[codepoint] = result
        return result


def stands_alone(codepoint: int, category: str) -> bool:
    """Return whether the character is a word: a mark, any ASCII sign, or an ideograph."""
    is_sign = codepoint < 128 and not chr(codepoint).isalnum()
    is_ideograph = any(first <= codepoint <= last for first, last in IDEOGRAPHS)
    return category.startswith("P") or is_sign or is_ideograph


SPACING = Spacing()


def words(text: str) -> list[str]:
    """Return the words in lower case and without accents, and each sign as a word."""
    return unicodedata.normalize("NFD", text.lower()).translate(SPACING).split()
