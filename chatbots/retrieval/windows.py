"""Which texts of a chunk are embedded, and how its sentences make windows. Pure."""

import re
from collections.abc import Sequence
from itertools import pairwise

WINDOW_LENGTH = 450
NUMBERING = re.compile(r"[\d.)]+\s+|q\s*[:.]\s+", re.IGNORECASE)
# What asks for something: “How to pay”, “Can I return it”, but not “What a key is”.
VERBS = (
    r"(?:'s|’s|am|are|can|could|did|do|does|had|happens|has|have|how|if|is|kinds?|long|many|may|much"
    r"|must|often|old|should|to|was|were|will|would)\b"
)
QUESTION = re.compile(
    rf".*[?？]|(?:how|what|why|where|which|when|who)\s*{VERBS}.*"
    r"|(?:can|is|are|do|does|should|may|must|will|i|my)\s.*",
    re.IGNORECASE | re.DOTALL,
)


def under(heading: str, text: str) -> str:
    """Return the text below the heading that says what it is about."""
    return f"{heading}\n{text}" if heading else text


def asks(heading: str) -> bool:
    """Return whether a heading is a question: visitors ask in the same form."""
    return bool(QUESTION.fullmatch(NUMBERING.sub("", heading, count=1)))


def windows(lengths: Sequence[int], most: int) -> list[range]:
    """Group consecutive sentences of these lengths to windows of some WINDOW_LENGTH characters."""
    total = sum(lengths)
    number = min(-(-total // WINDOW_LENGTH), most)
    bounds = [0]
    passed = 0
    for place, length in enumerate(lengths):
        if passed + length / 2 >= total * len(bounds) / number and place > bounds[-1]:
            bounds.append(place)
        passed += length
    return [range(start, end) for start, end in pairwise([*bounds, len(lengths)])]
