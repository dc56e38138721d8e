"""Having chatbots learn, asking them, and counting what comes of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.answers.cases import Corpus, Question
from chatbots.knowledge.learning import learn, publish
from chatbots.models import Chatbot, Chunk, Page, SearchIndex, Source
from chatbots.providers.base import Prompt
from chatbots.providers.builtin import BuiltinProvider
from chatbots.retrieval.dialogue import is_small_talk
from chatbots.retrieval.scoring import THRESHOLD, UNKNOWN, Scored, Weights
from chatbots.retrieval.search import (
    MAX_PASSAGES,
    Found,
    Passage,
    find_candidates,
    load_passages,
    rank,
)
from chatbots.retrieval.search import Question as SearchQuestion

WORDS = Weights(meaning=0, heading=0)
MEANING = Weights(bm25=0, coverage=0, identifier=0)


@dataclass(frozen=True)
class Outcome:
    """What came of a question: the places of its section by each search, and the answer."""

    question: Question
    by_words: int | None
    by_meaning: int | None
    by_both: int | None
    answer: str | None
    milliseconds: float

    @property
    def is_right(self) -> bool:
        section = self.question.section
        return self.answer is not None and section is not None and section.has([self.answer])


def teach(corpus: Corpus, chatbot: Chatbot) -> float:
    """Have the chatbot learn, and return how many chunks it learnt per second of this CPU."""
    began = time.process_time()
    source = Source.objects.create(chatbot=chatbot, type=Source.Type.URL, is_site=True)
    pages = []
    for number, document in enumerate(corpus.documents):
        if document.blocks:
            page = Page(chatbot=chatbot, source=source, url=f"https://site.example/{number}")
            learn(page, document)
            pages.append(page)
    publish(source, pages)
    chunks = Chunk.objects.filter(page__chatbot=chatbot).count()
    return chunks / (time.process_time() - began)


def ask(chatbot: Chatbot, question: Question) -> Outcome:
    began = time.perf_counter()
    index = SearchIndex.objects.get(chatbot=chatbot, is_live=True)
    asked = SearchQuestion.of(index, question.text)
    found = rank(asked, chatbot.id)
    passages = load_passages(found)[:MAX_PASSAGES]
    is_known = found.confidence >= THRESHOLD and not is_small_talk(question.text)
    findings = found.findings(passages if is_known else (), THRESHOLD)
    answer = BuiltinProvider().answer(Prompt(question.text, findings))
    milliseconds = (time.perf_counter() - began) * 1000
    return Outcome(
        question,
        by_words=place_of(question, found_by(WORDS, asked, chatbot)),
        by_meaning=place_of(question, found_by(MEANING, asked, chatbot)),
        by_both=place_of(question, passages),
        answer=answer,
        milliseconds=milliseconds,
    )


def found_by(weights: Weights, asked: SearchQuestion, chatbot: Chatbot) -> Sequence[Passage]:
    """Return the passages that one kind of search finds alone."""
    chosen, terms = find_candidates(asked, chatbot.id, weights)
    alone = [Scored(candidate, UNKNOWN, candidate.score) for candidate in chosen]
    return load_passages(Found(asked, alone, terms, 0))[:MAX_PASSAGES]


def place_of(question: Question, passages: Sequence[Passage]) -> int | None:
    """Return the place of the first passage out of the question's section, from 1."""
    section = question.section
    if section is None:
        return None
    for place, passage in enumerate(passages, 1):
        if section.has(sentence for _, sentences in passage.blocks for sentence in sentences):
            return place
    return None
