"""The passages that stored answers were made from, as far as these still exist."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chatbots.models import Chunk, Message, Source


class Citation(NamedTuple):
    """A passage of an answer: where it stands, what it says now, and how well it fitted."""

    title: str
    url: str
    place: str  # the path of its headings; of a question and answer nothing
    text: str
    score: float
    source: Source


def citations_of(answers: Iterable[Message]) -> Mapping[int, Sequence[Citation]]:
    """Return the passages of each answer by its id, best first, by one query.

    Left out are those whose source is deleted or was read anew meanwhile.
    """
    stored = {answer.pk: answer.passages or [] for answer in answers}
    found = existing_chunks({chunk for passages in stored.values() for chunk, *_ in passages})
    return {
        answer_id: [citation(found[chunk], score) for chunk, _, score in passages if chunk in found]
        for answer_id, passages in stored.items()
    }


def existing_chunks(chunk_ids: Iterable[int]) -> Mapping[int, Chunk]:
    chunks = Chunk.objects.filter(page__source__deleted_at=None).select_related("page__source")
    return chunks.in_bulk(list(chunk_ids))


def citation(chunk: Chunk, score: float = 0.0) -> Citation:
    page, source = chunk.page, chunk.page.source
    is_pair = source.type == Source.Type.QA
    blocks = "\n".join(" ".join(sentences) for _, sentences in chunk.blocks)
    return Citation(
        title=page.title or source.title,
        url=page.url,
        place="" if is_pair else " › ".join(chunk.headings),
        text=source.text if is_pair else blocks,
        score=score,
        source=source,
    )
