"""Learning pages, and the switch from a source's old pages to its new ones."""

import uuid
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Count

from chatbots.knowledge.chunking import split
from chatbots.knowledge.documents import Document
from chatbots.models import Chatbot, Chunk, Page, SearchIndex, Source
from chatbots.retrieval import index
from chatbots.retrieval.languages import detect, primary

# Pages that are deleted together.
BATCH = 20
# A pair stays whole, so that its answer is given as a whole.
PAIR_LENGTH = 4000


class NothingToLearn(ValueError):
    """There is no text, or none that can be searched."""


def learn(page: Page, document: Document) -> None:
    """Chunk and embed the page. Nobody finds it before it is published.

    It is committed in steps, and no transaction is open while embedding. Called again after a
    crash, it goes on where it stopped. Raises NothingToLearn, and EmbedderUnavailable.
    """
    if page._state.adding or not page.chunks.exists():
        store_chunks(page, document)
    while not embed(page):
        pass  # another index was begun meanwhile


def store_chunks(page: Page, document: Document) -> None:
    length = {"length": PAIR_LENGTH} if page.source.type == Source.Type.QA else {}
    drafts = list(split(document.blocks, **length))
    if not drafts:
        raise NothingToLearn("There is no text to learn from")
    page.text = page.text or document.text
    page.title = page.title or document.title
    page.language = primary(page.source.language) or primary(document.language) or detect(page.text)
    page.state = Page.State.READ
    with transaction.atomic():
        page.save()
        Chunk.objects.bulk_create(
            Chunk(
                page=page,
                position=position,
                headings=list(draft.headings),
                blocks=[(part.kind, list(part.sentences)) for part in draft.parts],
            )
            for position, draft in enumerate(drafts)
        )


def embed(page: Page) -> bool:
    """Add the page's chunks to the chatbot's indexes; False if one has been begun meanwhile."""
    index.live_index(page.chatbot_id)
    indexes = list(SearchIndex.objects.filter(chatbot=page.chatbot_id))
    for each in indexes:
        index.add(each, index.missing_chunks(each, [page]))
    with transaction.atomic():
        lock_indexes(page.chatbot_id)
        if set(SearchIndex.objects.filter(chatbot=page.chatbot_id)) != set(indexes):
            return False
        page.state = Page.State.EMBEDDED
        page.save(update_fields=["state"])
    return True


def lock_indexes(chatbot_id: uuid.UUID) -> None:
    """Keep others from beginning or changing the chatbot's indexes until the transaction ends."""
    Chatbot.objects.select_for_update(no_key=True).only("pk").get(pk=chatbot_id)


@transaction.atomic
def publish(source: Source, pages: Iterable[Page]) -> None:
    """Let the chatbot answer from exactly these pages of the source, which it has learnt."""
    lock_indexes(source.chatbot_id)
    ids = [page.pk for page in pages]
    source.pages.filter(is_live=True).exclude(pk__in=ids).update(is_live=False)
    source.pages.filter(pk__in=ids).update(is_live=True)
    languages = (
        Page.objects.filter(chatbot=source.chatbot_id, is_live=True)
        .values_list("language")
        .annotate(number=Count("pk"))
        .order_by("-number", "language")
    )
    SearchIndex.objects.filter(chatbot=source.chatbot_id).update(
        languages=[language for language, _ in languages]
    )


def forget(page_ids: Sequence[int]) -> None:
    """Delete pages, which should not be live, with their chunks and what is indexed of them."""
    for start in range(0, len(page_ids), BATCH):
        batch = page_ids[start : start + BATCH]
        with transaction.atomic():
            index.remove(batch)
            Chunk.objects.filter(page__in=batch).delete()
            Page.objects.filter(pk__in=batch).delete()
