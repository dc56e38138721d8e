"""Questions that ask for the number of something, and texts that state one. Pure."""

import re
from collections.abc import Set

from chatbots.retrieval.analysis import terms

# What comes before the thing that is counted.
ASKED = re.compile(
    r"\b(?:how many|(?:(?:max(?:imum|imal)?|minimum|total)\s+)?number of|max(?:imum)?"
    r"|limit (?:of|on)|wie ?viele?|(?:maximale )?anzahl(?: der| von)?|combien d['’]?e?"
    r"|cuánt[ao]s|quant[ei]|hoeveel)\b(?!\s+number of)",
    re.IGNORECASE,
)
NUMBER = (
    r"(?:\d+(?:[.,]\d+)*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf)"
)
# A number, and the words that may name what it counts: “5 active keys”.
STATED = re.compile(rf"\b{NUMBER}\s+((?:[\w-]+[ \t]*){{1,3}})", re.IGNORECASE)
# Of the words that follow such a question's beginning: “active keys can I have”.
NAMING_TERMS = 2


def counted(question: str, language: str) -> frozenset[str]:
    """Return the terms of what the question asks the number of; none if it asks no number."""
    asked = ASKED.search(question)
    return frozenset(terms(question[asked.end() :], language)[:NAMING_TERMS] if asked else ())


def states_number(text: str, of: Set[str], language: str) -> bool:
    """Return whether the text says a number of what these terms name."""
    return any(not of.isdisjoint(terms(named, language)) for named in STATED.findall(text))
