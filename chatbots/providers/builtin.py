"""Answers in the passages' own words. Needs no network and never invents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatbots.providers.base import Prompt
from chatbots.retrieval import MIN_COVERAGE, Passage, stems_of
from chatbots.sentences import sections

MAX_SENTENCES = 3
# Of two quotations that carry as much of the question, the one with fewer sentences is better.
COST_OF_A_SENTENCE = 0.02


@dataclass(frozen=True, slots=True)
class Quotation:
    """Consecutive sentences of one section, word for word."""

    text: str
    stems: frozenset[str]
    length: int


class BuiltinProvider:
    """Quotes the one to three consecutive sentences that carry most of the question."""

    def answer(self, prompt: Prompt) -> str | None:
        question = prompt.findings.question
        best: tuple[float, str] | None = None
        for quotation in quotations(prompt.findings.passages):
            coverage = question.coverage(quotation.stems)
            if coverage < MIN_COVERAGE:
                continue
            value = coverage - COST_OF_A_SENTENCE * quotation.length
            if best is None or value > best[0]:
                best = value, quotation.text
        return best[1] if best else None


def quotations(passages: Sequence[Passage]) -> Iterator[Quotation]:
    """Yield runs of sentences, the best passage's first; a heading counts for those under it."""
    found = [section for passage in passages for section in sections(passage.text)]
    texts = [text for section in found for text in (section.heading, *section.sentences)]
    stems = iter(stems_of(texts))
    for section in found:
        under = next(stems)
        of_sentence = [next(stems) for _ in section.sentences]
        for start in range(len(of_sentence)):
            for end in range(start + 1, min(start + MAX_SENTENCES, len(of_sentence)) + 1):
                yield Quotation(
                    text=" ".join(section.sentences[start:end]),
                    stems=frozenset(under.union(*of_sentence[start:end])),
                    length=end - start,
                )
