"""Finding the passages of a chatbot's sources that a question is about.

PostgreSQL's text search stems the words and finds the chunks; they are ranked by BM25 here, since
its own `ts_rank` knows nothing of how rare a word is.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection

from chatbots.models import SEARCH_CONFIG, Chunk, Source
from chatbots.relevance import Question

MAX_PASSAGES = 6
# A passage that carries less of the question's weight than this is not about it.
MIN_COVERAGE = 0.5


@dataclass(frozen=True, slots=True)
class Passage:
    title: str
    text: str
    is_pair: bool = False  # a question on the first line, its whole answer on the others


@dataclass(frozen=True, slots=True)
class Findings:
    """The passages that fit a question, best first; none means that nothing relevant is known."""

    question: Question
    passages: Sequence[Passage]


class Match(NamedTuple):
    chunk_id: int
    length: int
    source_type: str
    counts: dict[str, int]


CORPUS = """
    SELECT
        tsvector_to_array(to_tsvector(%(config)s::regconfig, %(question)s)),
        count(*),
        coalesce(avg(length(chunk.search)), 1)::float8
    FROM chatbots_chunk chunk JOIN chatbots_source source ON source.id = chunk.source_id
    WHERE source.chatbot_id = %(chatbot)s AND source.deleted_at IS NULL
"""

# Per matching chunk: its length, its source's type, how often it has each of the question's stems.
MATCHES = """
    SELECT chunk.id, length(chunk.search), source.type, found.stems, found.counts
    FROM chatbots_chunk chunk
    JOIN chatbots_source source ON source.id = chunk.source_id
    CROSS JOIN LATERAL (
        SELECT array_agg(word.lexeme) AS stems, array_agg(cardinality(word.positions)) AS counts
        FROM unnest(chunk.search) word WHERE word.lexeme = ANY(%(stems)s)
    ) found
    WHERE source.chatbot_id = %(chatbot)s AND source.deleted_at IS NULL
        AND chunk.search @@ replace(
            plainto_tsquery(%(config)s::regconfig, %(question)s)::text, '&', '|'
        )::tsquery
        AND found.stems IS NOT NULL
"""

STEMS = """
    SELECT tsvector_to_array(to_tsvector(%(config)s::regconfig, text))
    FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS given (text, position)
    ORDER BY position
"""


def search(chatbot_id: uuid.UUID, question: str) -> Findings:
    """Return what the chatbot's sources have on the question."""
    parameters: dict[str, Any] = {
        "chatbot": chatbot_id,
        "question": question,
        "config": SEARCH_CONFIG,
    }
    with connection.cursor() as cursor:
        cursor.execute(CORPUS, parameters)
        stems, chunks, average_length = cursor.fetchone()
        cursor.execute(MATCHES, {**parameters, "stems": stems})
        matches = [
            Match(chunk_id, length, source_type, dict(zip(stems, counts, strict=True)))
            for chunk_id, length, source_type, stems, counts in cursor.fetchall()
        ]
    having = Counter(stem for match in matches for stem in match.counts)
    weighed = Question.weigh(stems, having, chunks)
    relevant = [match for match in matches if weighed.coverage(match.counts) >= MIN_COVERAGE]

    def rank(match: Match) -> tuple[bool, float]:
        # What an owner wrote as the answer to these very words comes before what merely has them.
        is_meant = match.source_type == Source.Type.QA and weighed.coverage(match.counts) == 1
        return not is_meant, -weighed.bm25(match.counts, match.length, average_length)

    relevant.sort(key=rank)
    passages = load_passages([match.chunk_id for match in relevant[:MAX_PASSAGES]])
    if relevant and not passages:  # edited since: what answers now has other chunks
        return search(chatbot_id, question)
    return Findings(weighed, passages)


def load_passages(chunk_ids: Sequence[int]) -> list[Passage]:
    chunks = Chunk.objects.select_related("source").only("text", "source__title", "source__type")
    by_id = chunks.in_bulk(chunk_ids)
    found = [by_id[one] for one in chunk_ids if one in by_id]
    return [
        Passage(chunk.source.title, chunk.text, chunk.source.type == Source.Type.QA)
        for chunk in found
    ]


def stems_of(texts: Sequence[str]) -> list[set[str]]:
    """Return each text's stems, by the same rules that chunks are searched by."""
    with connection.cursor() as cursor:
        cursor.execute(STEMS, {"texts": list(texts), "config": SEARCH_CONFIG})
        return [set(stems) for (stems,) in cursor.fetchall()]
