"""What is stored of chunks so that they are found, and removing it."""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from chatbots.embedding.base import Embedder, EmbedderUnavailable, Vector, normalised
from chatbots.embedding.configured import configured, embedder_of
from chatbots.models import Chunk, ChunkVectors, Page, Posting, SearchIndex, SentenceVectors, Source
from chatbots.retrieval.analysis import ANALYSER, terms
from chatbots.retrieval.windows import asks, under, windows

# Chunks that are embedded, and committed, together.
BATCH = 16
STORED = (Posting, SentenceVectors, ChunkVectors)


@dataclass(frozen=True, slots=True)
class Vectors:
    """A chunk's vectors, as PostgreSQL reads them."""

    whole: str
    heading: str | None
    windows: Sequence[str]
    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """All that an index stores of a chunk."""

    chunk: Chunk
    terms: Counter[str]
    vectors: Vectors | None  # None without an embedder

    @property
    def length(self) -> int:
        return sum(self.terms.values())


def live_index(chatbot_id: uuid.UUID) -> SearchIndex:
    """Return the index that the chatbot answers from; make it if there is none yet."""
    index, _ = SearchIndex.objects.get_or_create(
        chatbot_id=chatbot_id,
        is_live=True,
        defaults={"embedder": configured().id, "analyser": ANALYSER},
    )
    return index


def size(index: SearchIndex) -> int:
    """Return how many chunks are in the index."""
    return ChunkVectors.objects.filter(index_id=index.pk).count()


def missing(index: SearchIndex, chunks: QuerySet[Chunk]) -> QuerySet[Chunk]:
    """Return those of the chunks that are not in the index."""
    indexed = ChunkVectors.objects.filter(index_id=index.pk, chunk_id=OuterRef("pk"))
    return chunks.filter(~Exists(indexed))


def missing_chunks(index: SearchIndex, pages: Iterable[Page]) -> list[Chunk]:
    """Return the pages' chunks that are not in the index."""
    return list(missing(index, Chunk.objects.filter(page__in=pages).indexable()))


def add(index: SearchIndex, chunks: Sequence[Chunk]) -> None:
    """Add the chunks, which searches find as soon as their pages are live.

    It is safe to repeat. No connection is held while embedding, if the caller has no transaction.
    What has been removed meanwhile stays so.
    """
    for start in range(0, len(chunks), BATCH):
        store(index, entries(index, chunks[start : start + BATCH]))


def entries(index: SearchIndex, chunks: Sequence[Chunk]) -> list[Entry]:
    try:
        vectors: Sequence[Vectors | None] = embedded(embedder_of(index.embedder), chunks)
    except EmbedderUnavailable:  # they are found by their words until another index is made
        vectors = [None] * len(chunks)
    return [
        Entry(chunk, Counter(terms(chunk.words, chunk.page.language)), each)
        for chunk, each in zip(chunks, vectors, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Texts:
    """What is embedded of a chunk."""

    whole: str
    heading: str | None
    sentences: Sequence[str]

    @classmethod
    def of(cls, chunk: Chunk) -> "Texts":
        last = chunk.path[-1] if chunk.path else ""
        return cls(
            whole=under(" > ".join(chunk.path), " ".join(chunk.sentences)),
            heading=last if asks(last) or chunk.page.source.type == Source.Type.QA else None,
            sentences=[under(last, sentence) for sentence in chunk.sentences],
        )


def embedded(embedder: Embedder, chunks: Sequence[Chunk]) -> list[Vectors]:
    """Embed the chunks. A window's vector is the sum of its sentences' ones, and costs nothing."""
    texts = [Texts.of(chunk) for chunk in chunks]
    distinct = list(
        dict.fromkeys(
            text
            for each in texts
            for text in (each.whole, each.heading, *each.sentences)
            if text is not None
        )
    )
    vectors = dict(zip(distinct, embedder.embed_documents(distinct), strict=True))
    return [
        Vectors(
            whole=literal(vectors[each.whole]),
            heading=literal(vectors[each.heading]) if each.heading else None,
            windows=summed([vectors[text] for text in each.sentences], chunk),
            sentences=[literal(vectors[text]) for text in each.sentences],
        )
        for chunk, each in zip(chunks, texts, strict=True)
    ]


def summed(vectors: Sequence[Vector], chunk: Chunk) -> list[str]:
    """Return the vectors of the chunk's windows, made from those of its sentences."""
    lengths = [len(sentence) for sentence in chunk.sentences]
    return [
        literal(normalised([sum(vectors[place] for place in window)])[0])
        for window in windows(lengths, SentenceVectors.WINDOWS)
    ]


def literal(vector: Vector) -> str:
    """Return a vector in PostgreSQL's syntax, with the four digits that half precision has."""
    return "[" + ",".join([f"{number:.4g}" for number in vector.tolist()]) + "]"


INSERT_POSTINGS = """
    INSERT INTO chatbots_posting (index_id, chunk_id, page_id, length, term, frequency)
    SELECT %s, %s, %s, %s, term, frequency
    FROM unnest(%s::text[], %s::smallint[]) AS t (term, frequency)
    ON CONFLICT DO NOTHING
"""
INSERT_VECTORS = """
    INSERT INTO chatbots_chunkvectors (
        index_id, chunk_id, page_id, length, whole, heading
    )
    VALUES (%s, %s, %s, %s, %s::halfvec, %s::halfvec)
    ON CONFLICT DO NOTHING
"""
INSERT_SENTENCES = """
    INSERT INTO chatbots_sentencevectors (index_id, chunk_id, page_id, windows, vectors)
    VALUES (%s, %s, %s, %s::text[]::halfvec[], %s::text[]::halfvec[])
    ON CONFLICT DO NOTHING
"""
MAX_SMALLINT = 32_767


@transaction.atomic
def store(index: SearchIndex, entries: Sequence[Entry]) -> None:
    existing = lock_pages({entry.chunk.page_id for entry in entries})
    with connection.cursor() as cursor:
        for entry in entries:
            if entry.chunk.page_id not in existing:
                continue
            key = (index.pk, entry.chunk.pk, entry.chunk.page_id)
            length = min(entry.length, MAX_SMALLINT)
            frequencies = [min(frequency, MAX_SMALLINT) for frequency in entry.terms.values()]
            cursor.execute(INSERT_POSTINGS, [*key, length, list(entry.terms), frequencies])
            vectors = entry.vectors
            if vectors is None:
                cursor.execute(INSERT_VECTORS, [*key, length, None, None])
                continue
            cursor.execute(INSERT_VECTORS, [*key, length, vectors.whole, vectors.heading])
            read_for_few = [list(vectors.windows), list(vectors.sentences)]
            cursor.execute(INSERT_SENTENCES, [*key, *read_for_few])


def lock_pages(page_ids: Iterable[int]) -> set[int]:
    """Return those of the pages that exist; nobody else stores or removes them meanwhile."""
    pages = Page.objects.select_for_update(no_key=True).filter(pk__in=page_ids)
    return set(pages.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def remove(page_ids: Sequence[int]) -> None:
    """Remove what all indexes store of the pages, which are to be deleted in this transaction."""
    lock_pages(page_ids)
    for model in STORED:
        model._default_manager.filter(page_id__in=page_ids).delete()


def drop(index: SearchIndex) -> None:
    """Remove an index that is not live, some pages in a transaction."""
    rows = ChunkVectors.objects.filter(index_id=index.pk)
    while ids := set(rows.values_list("page_id", flat=True)[:BATCH]):
        with transaction.atomic():
            for model in STORED:
                model._default_manager.filter(index_id=index.pk, page_id__in=ids).delete()
    index.delete()
