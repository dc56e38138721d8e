"""Building indexes anew, after the embedder or the analyser has changed."""

import uuid

from django.db import transaction
from django.utils import timezone

from chatbots.embedding.configured import configured
from chatbots.knowledge.learning import lock_indexes
from chatbots.models import Chunk, Page, SearchIndex
from chatbots.retrieval import index
from chatbots.retrieval.analysis import ANALYSER
from core.jobs import stop_if_asked

PAGES_AT_ONCE = 20


def outdated() -> list[uuid.UUID]:
    """Return the chatbots that have an index besides a live one of today's recipe.

    Its embedder or its analyser is a former one, or it was begun for one that was soon taken back.
    """
    wanted = SearchIndex.objects.filter(embedder=configured().id, analyser=ANALYSER, is_live=True)
    others = SearchIndex.objects.exclude(pk__in=wanted)
    return list(others.values_list("chatbot_id", flat=True).distinct())


def reindex(chatbot_id: uuid.UUID) -> None:
    """Build an index beside the live one, put it in its place and drop the others.

    It is committed in steps: called again after a crash, it goes on where it stopped. Raises
    EmbedderUnavailable.
    """
    with transaction.atomic():
        lock_indexes(chatbot_id)
        new, _ = SearchIndex.objects.get_or_create(
            chatbot_id=chatbot_id, embedder=configured().id, analyser=ANALYSER
        )
        new.resumed_at, new.chunks_before = timezone.now(), index.size(new)
        new.save(update_fields=["resumed_at", "chunks_before"])
    while not put_in_place(new):
        for page in Page.objects.filter(chatbot=chatbot_id).iterator(PAGES_AT_ONCE):
            stop_if_asked()
            index.add(new, index.missing_chunks(new, [page]))
    for old in SearchIndex.objects.filter(chatbot=chatbot_id).exclude(pk=new.pk):
        index.drop(old)


@transaction.atomic
def put_in_place(new: SearchIndex) -> bool:
    """Have searches read the new index, if it lacks nothing; False if it does."""
    lock_indexes(new.chatbot_id)
    pages = Page.objects.filter(chatbot=new.chatbot_id, state=Page.State.EMBEDDED)
    if index.missing(new, Chunk.objects.filter(page__in=pages)).exists():
        return False
    indexes = SearchIndex.objects.filter(chatbot=new.chatbot_id)
    former = indexes.filter(is_live=True).first()
    indexes.filter(is_live=True).update(is_live=False)
    languages = former.languages if former else []
    indexes.filter(pk=new.pk).update(is_live=True, languages=languages)
    return True
