"""Sources that are learnt in the background: adding them, rewriting them, and syncing them."""

import logging
from datetime import timedelta

from django.core.files import File
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.exceptions import JobAborted

from chatbots.caps import hold_sources_cap
from chatbots.knowledge.syncing.sync import INTERVALS, Sync, SyncCancelled, SyncFailed
from chatbots.knowledge.teaching import document_of, store, teach
from chatbots.models import TITLE_MAX_LENGTH, Chatbot, Source, SourceQuerySet
from core.jobs import BackOff, current_job, job

logger = logging.getLogger(__name__)

# Then other jobs have their turn. What has been done by then is not done again.
SLICE_SECONDS = 30.0
# Behind everything that people wait for, such as mails.
PRIORITY = -10
BROKEN = "Reading it failed on our side. Try again in a while."
SYNCS_STARTED_AT_ONCE = 200
# Characters: some dozen chunks, which take half a second.
LEARNT_AT_ONCE = 10_000


@job(
    retry=BackOff(attempts=4, first=timedelta(seconds=30)),
    lock="train {source_id}",
    priority=PRIORITY,
)
def train(source_id: str) -> None:
    """Sync a source for a while, and again until it is finished."""
    # Web processes import this module, and need no HTTP client to enqueue the job.
    from chatbots.knowledge.syncing.run import sync_for

    source = trainable().filter(pk=source_id).first()
    if source is None:
        return
    try:
        if not sync_for(source, SLICE_SECONDS):
            train.enqueue(source_id)
    except SyncFailed as error:
        Sync(source).fail(str(error))
    except SyncCancelled:
        cancel(source)
    except JobAborted:
        raise
    except Exception:
        context = current_job.get()
        if context is None or train.retry.is_last_attempt(context.job):
            Sync(source).fail(BROKEN)
        raise


@job(lock="learn {source_id}", priority=PRIORITY)
def learn_written(source_id: str) -> None:
    """Learn a long text that its owner wrote."""
    with transaction.atomic():
        source = Source.objects.editable().select_for_update().filter(pk=source_id).first()
        if source is not None and source.is_busy:
            teach(source, source.title, source.text)


def add_text(chatbot: Chatbot, title: str, text: str) -> Source:
    """Add a text, which is learnt at once, or by a worker if it is long. Raises NothingToLearn."""
    return write(Source(chatbot=chatbot, type=Source.Type.TEXT), title, text)


@transaction.atomic
def rewrite_source(source: Source, title: str, text: str) -> Source:
    """Replace a source's text; until the new one is learnt, the chatbot answers from the old one.

    Raises NothingToLearn, and Source.DoesNotExist if the source has been deleted meanwhile.
    """
    # The lock puts simultaneous edits in order: the later one wins.
    return write(Source.objects.editable().select_for_update().get(pk=source.pk), title, text)


@transaction.atomic
def write(source: Source, title: str, text: str) -> Source:
    if len(text) <= LEARNT_AT_ONCE:
        return teach(source, title, text)
    document_of(source.type, title, text)
    store(source, title, text, Source.Status.PROCESSING)
    learn_written.enqueue(str(source.id))
    return source


def trainable() -> SourceQuerySet:
    """Return the sources to read, unless they or their chatbots are deleted."""
    return (
        Source.objects.alive()
        .filter(status__in=Source.BUSY, type__in=Source.SYNCED)
        .filter(chatbot__deleted_at=None, chatbot__owner__is_active=True)
        .select_related("chatbot__owner__plan")
    )


def cancel(source: Source) -> None:
    """End a sync that its owner has cancelled; one of a deleted source waits for its return."""
    if Source.objects.filter(pk=source.pk).exclude(cancel_requested_at=None).exists():
        Sync(source).cancel()


@transaction.atomic
def add_url_source(chatbot: Chatbot, url: str, *, is_site: bool) -> Source:
    """Add a site, or one page of it, by its canonical address; a worker reads it.

    Raises CapReached.
    """
    hold_sources_cap(chatbot.owner_id)
    source = Source.objects.create(chatbot=chatbot, type=Source.Type.URL, url=url, is_site=is_site)
    train.enqueue(str(source.pk))
    return source


def add_file_source(chatbot: Chatbot, upload: "File[bytes]") -> Source:
    """Store a file, which a worker reads. Raises CapReached."""
    name = upload.name or "file"
    source = Source(
        chatbot=chatbot,
        type=Source.Type.FILE,
        title=name[:TITLE_MAX_LENGTH],
        file_name=name[-200:],
    )
    source.file.save(name, upload, save=False)
    try:
        with transaction.atomic():
            hold_sources_cap(chatbot.owner_id)
            source.save()
            train.enqueue(str(source.pk))
    except Exception:
        source.file.delete(save=False)
        raise
    return source


@transaction.atomic
def request_sync(sources: SourceQuerySet) -> int:
    """Have those of the sources synced that are not being read; return how many these are."""
    idle = sources.filter(type__in=Source.SYNCED).exclude(status__in=Source.BUSY)
    ids = list(idle.select_for_update().values_list("pk", flat=True))
    Source.objects.filter(pk__in=ids).update(
        status=Source.Status.PENDING, failure="", cancel_requested_at=None, next_sync_at=None
    )
    for source_id in ids:
        train.enqueue(str(source_id))
    return len(ids)


@transaction.atomic
def request_cancel(source: Source) -> None:
    """Have a sync end; one that waits for a worker ends at once."""
    busy = Source.objects.filter(pk=source.pk, status__in=Source.BUSY).select_for_update().first()
    if busy is None:
        return
    if busy.status == Source.Status.PENDING:
        Sync(busy).cancel()
    else:
        busy.cancel_requested_at = timezone.now()
        busy.save(update_fields=["cancel_requested_at"])


def resume_syncs(sources: SourceQuerySet) -> None:
    """Go on with the syncs of sources that were deleted meanwhile, and are back."""
    for source_id in sources.filter(status__in=Source.BUSY, type__in=Source.SYNCED).values_list(
        "pk", flat=True
    ):
        train.enqueue(str(source_id))


@transaction.atomic
def set_resync(source: Source, resync: str) -> None:
    """Change how often a source is synced by itself, beginning with the last time that it was."""
    interval = INTERVALS.get(Source.Resync(resync))
    source = Source.objects.select_for_update().get(pk=source.pk)
    since = source.synced_at or timezone.now()
    source.resync = resync
    source.next_sync_at = since + interval if interval and not source.is_busy else None
    source.save(update_fields=["resync", "next_sync_at"])


def start_due_syncs() -> None:
    """Have the sources synced whose time has come."""
    due = Source.objects.alive().filter(
        next_sync_at__lte=timezone.now(),
        chatbot__deleted_at=None,
        chatbot__owner__is_active=True,
    )
    ids = list(due.order_by("next_sync_at").values_list("pk", flat=True)[:SYNCS_STARTED_AT_ONCE])
    request_sync(Source.objects.filter(pk__in=ids))


LOST = """
    SELECT id FROM chatbots_source source
    WHERE status IN ('pending', 'crawling', 'processing') AND type IN ('url', 'file')
        AND deleted_at IS NULL
        AND NOT EXISTS (
            SELECT FROM procrastinate_jobs
            WHERE lock = 'train ' || source.id AND status IN ('todo', 'doing')
        )
"""


def fail_lost_syncs() -> None:
    """Tell the owners of sources whose job has killed its workers too often to be tried again."""
    with connection.cursor() as cursor:
        cursor.execute(LOST)
        ids = [row[0] for row in cursor.fetchall()]
    for source in trainable().filter(pk__in=ids):
        logger.error("the sync of source %s is lost", source.pk)
        Sync(source).fail(BROKEN)
