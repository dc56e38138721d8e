"""Answers that quote the passages word for word, made without a network or a language model."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatbots.knowledge.documents import Kind
from chatbots.providers.base import Prompt
from chatbots.retrieval.quantities import states_number
from chatbots.retrieval.search import Findings, Passage

QUOTED_PASSAGES = 3
MAX_SENTENCES = 3
MAX_LENGTH = 600
MIN_WORDS = 5
MIN_LETTERS = 0.75
# The value of a quotation is its closeness to the question, and these.
FURTHER_SENTENCE = 0.02
FIRST, SECOND = 0.05, 0.025  # in the passage
OPENING = 0.1  # the first, under a heading that says what is asked
BETTER_PASSAGE = 3.0
NAMES_IDENTIFIER = 0.15  # that the question names
STATES_NUMBER = 0.15  # of what the question asks the number of
UNFINISHED = 0.06  # less: a link or a label, which does not end as a sentence does
SENTENCE_END = re.compile(r"[.!?…。！？।][\"'”’“‘»«)\]]*$")
# Sentences that say where something is rather than what it is.
POINTER = re.compile(
    r"(?:see|refer to|the following|as follows|for (?:more|details))\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Quotation:
    text: str
    value: float


class BuiltinProvider:
    """Quotes the owner's answer to a question, or the sentences that answer best."""

    def answer(self, prompt: Prompt) -> str | None:
        passages = prompt.findings.passages
        if not passages:
            return None
        if passages[0].answer is not None:
            return passages[0].answer
        candidates = [
            quotation
            for passage in passages[:QUOTED_PASSAGES]
            if not passage.is_pair
            for quotation in quotations(passage, prompt.findings)
        ]
        best = max(candidates, key=lambda quotation: quotation.value, default=None)
        return best.text if best else None


def quotations(passage: Passage, findings: Findings) -> Iterator[Quotation]:
    """Yield the runs of up to MAX_SENTENCES sentences of one block."""
    behind = BETTER_PASSAGE * (findings.passages[0].score - passage.score)
    place = 0
    for kind, sentences in passage.blocks:
        for start in range(len(sentences)):
            for end in range(start + 1, min(start + MAX_SENTENCES, len(sentences)) + 1):
                run = sentences[start:end]
                if is_quotable(kind, run):
                    text = " ".join(run)
                    worth = value(passage, place + start, len(run)) - behind
                    yield Quotation(text, worth + fitness(text, findings))
        place += len(sentences)


def value(passage: Passage, place: int, number: int) -> float:
    """Return how close the sentences are to the question, and how well placed."""
    closeness = passage.closeness.runs[place][number - 1] if passage.closeness.runs else 0.0
    opening = FIRST + OPENING * passage.heading_share
    return closeness + FURTHER_SENTENCE * (number - 1) + {0: opening, 1: SECOND}.get(place, 0)


def fitness(text: str, findings: Findings) -> float:
    """Return what the text is worth for saying the kind of thing that is asked."""
    worth = 0.0
    if any(identifier in text.lower() for identifier in findings.identifiers):
        worth += NAMES_IDENTIFIER
    if findings.counted and states_number(text, findings.counted, findings.language):
        worth += STATES_NUMBER
    if not SENTENCE_END.search(text):
        worth -= UNFINISHED
    return worth


def is_quotable(kind: str, run: Sequence[str]) -> bool:
    text = " ".join(run)
    if kind == Kind.CODE or len(text) > MAX_LENGTH or len(text.split()) < MIN_WORDS:
        return False
    if sum(character.isalpha() or character == " " for character in text) < MIN_LETTERS * len(text):
        return False
    return not any(POINTER.match(sentence) for sentence in run) and not run[-1].endswith((":", "?"))
