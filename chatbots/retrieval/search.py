"""Searching a chatbot's sources for passages that answer a question."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from psycopg.pq import Format

from chatbots.embedding.base import EmbedderUnavailable
from chatbots.embedding.configured import embedder_of
from chatbots.models import Chunk, SearchIndex
from chatbots.retrieval import matching, scoring
from chatbots.retrieval.analysis import question_terms, terms, without
from chatbots.retrieval.index import literal
from chatbots.retrieval.languages import ENGLISH, detect
from chatbots.retrieval.matching import Chunks, Occurrences
from chatbots.retrieval.quantities import counted
from chatbots.retrieval.scoring import (
    UNKNOWN,
    WEIGHTS,
    Candidate,
    Closeness,
    Scored,
    TermWeights,
    Weights,
)
from chatbots.retrieval.statements import CHUNKS, SENTENCES, WINDOWS

MAX_PASSAGES = 6
# A text may be rewritten after its chunks were found and before they are loaded: it has new ones.
ATTEMPTS = 3
# The owner's answer is given first where the visitor asks its question: in almost the same words,
# or with no other words and about the same meaning.
SAME_WORDS, SAME_MEANING, ALL_WORDS = 0.93, 0.7, 0.99


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was found, with all that is needed to cite or quote it."""

    title: str
    blocks: Sequence[tuple[str, Sequence[str]]]  # the kind and the sentences of each
    url: str = ""
    chunk_id: int = 0
    source_id: uuid.UUID | None = None
    headings: Sequence[str] = ()
    score: float = 0.0
    closeness: Closeness = UNKNOWN
    heading_share: float = 0.0  # how much of the question its heading says
    answer: str | None = None  # the owner's own, if this is a question and answer
    is_asked: bool = False  # this is a question and answer, and the visitor asks the same

    @property
    def is_pair(self) -> bool:
        return self.answer is not None

    @property
    def text(self) -> str:
        """Return what the chunk says, a block on each line, below the path of its headings."""
        path = [" > ".join(self.headings)] if self.headings else []
        return "\n".join([*path, self.answer or self.excerpt])

    @property
    def excerpt(self) -> str:
        return "\n".join(" ".join(sentences) for _, sentences in self.blocks)


@dataclass(frozen=True, slots=True)
class Findings:
    """The passages that a question may be answered from, best first; none where nothing is known.

    `confidence` is above `threshold` where passages are given.
    """

    passages: Sequence[Passage]
    confidence: float = 0.0
    threshold: float = scoring.THRESHOLD
    identifiers: Sequence[str] = ()  # that the question names, in lower case
    counted: frozenset[str] = frozenset()  # terms of what it asks the number of
    language: str = ENGLISH  # of the question


@dataclass(frozen=True, slots=True)
class Question:
    """A question as one chatbot's index is searched for it."""

    text: str
    language: str
    terms: Sequence[str]
    index: SearchIndex
    vector: str | None  # as PostgreSQL reads it; None while there is no embedder

    @classmethod
    def of(cls, index: SearchIndex, text: str) -> "Question":
        language = detect(text, index.languages or [ENGLISH])
        vector = embedded(index, text)
        return cls(text, language, question_terms(text, language), index, vector)

    def focused(self, frequent: set[str]) -> str | None:
        """Return the vector of the question without its frequent terms, if it has others."""
        if frequent.isdisjoint(self.terms):
            return self.vector
        text = without(self.text, frequent, self.language)
        return embedded(self.index, text) if terms(text, self.language) else self.vector


def embedded(index: SearchIndex, text: str) -> str | None:
    try:
        return literal(embedder_of(index.embedder).embed_query(text))
    except EmbedderUnavailable:
        return None


def search(chatbot_id: uuid.UUID, text: str, threshold: float = scoring.THRESHOLD) -> Findings:
    """Return the passages of the chatbot's sources that are relevant to the question."""
    index = SearchIndex.objects.filter(chatbot=chatbot_id, is_live=True).first()
    if index is None:
        return Findings((), scoring.INTERCEPT, threshold)
    question = Question.of(index, text)
    for _ in range(ATTEMPTS):
        found = rank(question, chatbot_id)
        if found.confidence < threshold:
            break
        if passages := load_passages(found):
            return found.findings(passages, threshold)
    return Findings((), found.confidence, threshold)


@dataclass(frozen=True, slots=True)
class Found:
    """The best chunks for a question, and the confidence that they are about it."""

    question: Question
    best: Sequence[Scored]
    weights: TermWeights
    confidence: float

    def findings(self, passages: Sequence[Passage], threshold: float) -> Findings:
        question = self.question
        return Findings(
            passages[:MAX_PASSAGES],
            self.confidence,
            threshold,
            identifiers=[term[1:] for term in question.terms if term.startswith("=")],
            counted=counted(question.text, question.language),
            language=question.language,
        )


def rank(question: Question, chatbot_id: uuid.UUID) -> Found:
    candidates, weights = find_candidates(question, chatbot_id)
    closeness = compare_sentences(question, weights, candidates)
    best = scoring.rescored(candidates, closeness)
    return Found(question, best, weights, scoring.confidence(best, weights))


def find_candidates(
    question: Question, chatbot_id: uuid.UUID, weights: Weights = WEIGHTS
) -> tuple[list[Candidate], TermWeights]:
    chunks, found = read_chunks(question, chatbot_id)
    terms = matching.weigh_terms(found, len(chunks))
    compared = matching.compare(chunks, found, terms, weights)
    windows = compare_windows(question, compared.ids)
    return matching.with_windows(compared, windows, weights), terms


def read_chunks(question: Question, chatbot_id: uuid.UUID) -> tuple[Chunks, dict[str, Occurrences]]:
    """Return all chunks of the chatbot beside the question, and where its terms stand in them."""
    [row] = fetch(
        CHUNKS,
        chatbot=chatbot_id,
        index=question.index.pk,
        vector=question.vector,
        terms=question.terms,
    )
    (mean_length, *columns), (numbers, *postings) = row[:5], row[5:]
    chunks = Chunks.of(mean_length, *(column or b"" for column in columns))
    by_term = dict(zip(question.terms, numbers or [], strict=True))
    return chunks, matching.occurrences(chunks, by_term, *(column or b"" for column in postings))


def compare_windows(question: Question, chunk_ids: Sequence[int]) -> dict[int, float]:
    """Return how close the best window of each chunk is to the question."""
    if question.vector is None or not chunk_ids:
        return {}
    parameters = {"index": question.index.pk, "vector": question.vector, "chunks": chunk_ids}
    return dict(fetch(WINDOWS, **parameters))


def compare_sentences(
    question: Question, weights: TermWeights, candidates: Iterable[Candidate]
) -> dict[int, Closeness]:
    """Return how close the candidates' sentences are to the question."""
    if question.vector is None:
        return {}
    rows = fetch(
        SENTENCES,
        index=question.index.pk,
        vector=question.vector,
        focused=question.focused(weights.frequent),
        chunks=[candidate.chunk_id for candidate in candidates],
    )
    return {
        chunk_id: Closeness(
            runs=[
                tuple(value for value in values if value is not None)
                for values in zip(ones, twos, threes, strict=True)
            ],
            focused=focused,
        )
        for chunk_id, ones, twos, threes, focused in rows
    }


def fetch(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        # As text, bytes would have twice their size.
        cursor.cursor.format = Format.BINARY
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def load_passages(found: Found) -> list[Passage]:
    """Load the chunks that still exist, best first; the owner's own answers come before all."""
    chunks = Chunk.objects.citable().in_bulk([each.candidate.chunk_id for each in found.best])
    passages = [
        passage(chunk, scored, found)
        for scored in found.best
        if (chunk := chunks.get(scored.candidate.chunk_id)) is not None
    ]
    return sorted(passages, key=lambda passage: (not passage.is_asked, -passage.score))


def passage(chunk: Chunk, scored: Scored, found: Found) -> Passage:
    page, source = chunk.page, chunk.page.source
    is_pair = chunk.answer is not None
    is_asked = is_pair and asks_the_same(scored.candidate)
    heading = " ".join(chunk.headings[-1:])
    return Passage(
        title=page.title or source.title,
        url=page.url,
        chunk_id=chunk.pk,
        source_id=source.pk,
        headings=chunk.headings,
        blocks=[(kind, sentences) for kind, sentences in chunk.blocks],
        score=scored.score - (pair_discount(scored.candidate) if is_pair and not is_asked else 0),
        closeness=scored.closeness,
        heading_share=found.weights.coverage(set(terms(heading, found.question.language))),
        answer=chunk.answer,
        is_asked=is_asked,
    )


def asks_the_same(pair: Candidate) -> bool:
    meaning, words = pair.heading, pair.coverage
    return meaning >= SAME_WORDS or (meaning >= SAME_MEANING and words >= ALL_WORDS)


def pair_discount(pair: Candidate) -> float:
    """Return what a pair's question adds to its score: “Do you ship to Oslo?” is not “to Rome?”."""
    return WEIGHTS.heading * pair.heading
