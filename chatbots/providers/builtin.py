"""Answers in the passages' own words. Needs no network and never invents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatbots.providers.base import Prompt
from chatbots.relevance import Question
from chatbots.retrieval import MIN_COVERAGE, Passage, stems_of
from chatbots.sentences import Section, sections

MAX_SENTENCES = 3
# Among quotations that carry about as much of the question, these decide. They are small beside a
# coverage of 0 to 1 and were set by the questions in the tests.
WORTH_OF_OWN_WORDS = 0.1  # the words stand in the sentences and not only in their heading
WORTH_OF_DENSITY = 0.1  # and few others stand there
WORTH_OF_HEADING = 0.1  # the heading is about the question
WORTH_OF_OPENING = 0.1  # and these are the first sentences under it
WORTH_OF_A_PAIR = 0.3  # the heading is a question that the owner answered
COST_OF_A_SENTENCE = 0.02
COST_OF_A_TABLE = 0.2  # a row says little without its table


@dataclass(frozen=True, slots=True)
class Quotation:
    """Consecutive sentences of one section, word for word."""

    text: str
    heading_stems: frozenset[str]
    own_stems: frozenset[str]
    sentences: int
    opens_section: bool
    answers_heading: bool

    def coverage(self, question: Question) -> float:
        return question.coverage(self.heading_stems | self.own_stems)

    def value(self, question: Question) -> float:
        """Return how good an answer this is, for comparison with others."""
        heading = question.coverage(self.heading_stems)
        shared = self.own_stems & question.weights.keys()
        return (
            self.coverage(question)
            + WORTH_OF_OWN_WORDS * question.coverage(self.own_stems)
            + WORTH_OF_DENSITY * len(shared) / max(len(self.own_stems), 1)
            + WORTH_OF_HEADING * heading
            + WORTH_OF_OPENING * heading * self.opens_section
            + WORTH_OF_A_PAIR * heading * self.answers_heading
            - COST_OF_A_SENTENCE * self.sentences
            - COST_OF_A_TABLE * self.text.startswith("|")
        )


class BuiltinProvider:
    """Quotes the one to three consecutive sentences that answer best."""

    def answer(self, prompt: Prompt) -> str | None:
        question = prompt.findings.question
        fitting = [
            quotation
            for quotation in quotations(prompt.findings.passages)
            if quotation.coverage(question) >= MIN_COVERAGE
        ]
        best = max(fitting, key=lambda quotation: quotation.value(question), default=None)
        return best.text if best else None


def quotations(passages: Sequence[Passage]) -> Iterator[Quotation]:
    """Yield runs of sentences, the best passage's first; a heading counts for those under it."""
    found = [(section, one.is_pair) for one in passages for section in sections_of(one)]
    texts = [text for section, _ in found for text in (section.heading, *section.sentences)]
    stems = iter(stems_of(texts))
    for section, is_pair in found:
        under = frozenset(next(stems))
        of_sentence = [next(stems) for _ in section.sentences]
        for start in range(len(of_sentence)):
            for end in range(start + 1, min(start + MAX_SENTENCES, len(of_sentence)) + 1):
                yield Quotation(
                    text=" ".join(section.sentences[start:end]),
                    heading_stems=under,
                    own_stems=frozenset().union(*of_sentence[start:end]),
                    sentences=end - start,
                    opens_section=start == 0,
                    answers_heading=is_pair,
                )


def sections_of(passage: Passage) -> list[Section]:
    """Take a passage apart; the answer of a pair stays whole, whatever is in it."""
    if not passage.is_pair:
        return sections(passage.text)
    question, _, answer = passage.text.partition("\n")
    return [Section(question, [answer])]
