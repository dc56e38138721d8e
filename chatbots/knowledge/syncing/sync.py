"""A sync of a source: its beginning, what it has found so far, and its end."""

from datetime import timedelta
from typing import Any, Self

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from chatbots.knowledge.learning import forget, publish
from chatbots.models import TITLE_MAX_LENGTH, Page, PageQuerySet, Source
from core.jobs import stop_if_asked

INTERVALS = {
    Source.Resync.DAILY: timedelta(days=1),
    Source.Resync.WEEKLY: timedelta(days=7),
    Source.Resync.MONTHLY: timedelta(days=30),
}
NOTHING_READ = "There is no text in it that could be read."
CANCELLED = "It was cancelled before anything had been learnt."


class SyncCancelled(Exception):
    """The owner has cancelled the sync, or deleted what it is for."""


class SyncFailed(Exception):
    """The source cannot be read. The message says why, and is shown to the owner."""


class Sync:
    """Pages that it finds are staged; of live pages whose content is unchanged it keeps the date.

    Nothing is found by visitors until `finish` makes the staged and the unchanged pages live.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    @classmethod
    def resume(cls, source: Source) -> Self:
        """Return the source's sync under way, or begin one at its own address."""
        if source.sync_started_at is None:
            forget(list(source.pages.staged().values_list("pk", flat=True)))
            begin(source)
        return cls(source)

    @property
    def staged(self) -> PageQuerySet:
        return self.source.pages.staged()

    @property
    def confirmed(self) -> PageQuerySet:
        """Return the live pages that stay as they are."""
        return self.source.pages.live().filter(checked_at__gte=self.source.sync_started_at)

    def next_in(self, state: Page.State) -> Page | None:
        return self.staged.filter(state=state).order_by("pk").first()

    def check(self) -> None:
        """Raise SyncCancelled, or JobAborted if the worker stops."""
        stop_if_asked()
        wanted = Source.objects.alive().filter(
            pk=self.source.pk, cancel_requested_at=None, chatbot__deleted_at=None
        )
        if not wanted.exists():
            raise SyncCancelled

    def enter(self, status: Source.Status) -> None:
        self.change(status=status)

    def change(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self.source, name, value)
        self.source.save(update_fields=fields)

    def count_pages(self) -> None:
        """Tell how many pages there are by now, unless those of an earlier sync are shown."""
        if self.source.type == Source.Type.URL and not self.source.synced_at:
            self.change(page_count=self.staged.filter(state__in=Page.READABLE).count())

    @staticmethod
    def leave_out(page: Page, reason: str) -> None:
        page.state, page.reason, page.reading = Page.State.FAILED, reason, None
        page.save(update_fields=["state", "reason", "reading"])

    def finish(self) -> None:
        """Let the chatbot answer from what was found. Raises SyncFailed if that is nothing."""
        pages = [*self.staged.filter(state=Page.State.EMBEDDED), *self.confirmed]
        if not pages:
            failed = self.next_in(Page.State.FAILED)
            raise SyncFailed(failed.reason if failed else NOTHING_READ)
        with transaction.atomic():
            publish(self.source, pages)
            title = self.source.title or pages[0].title[:TITLE_MAX_LENGTH]
            self.end(Source.Status.DONE, synced_at=timezone.now(), title=title)
        self.sweep()

    def fail(self, reason: str) -> None:
        """End the sync; the chatbot goes on answering from the pages that it had."""
        self.end(Source.Status.FAILED, failure=reason)
        self.sweep()

    def cancel(self) -> None:
        """End the sync as if it had not begun."""
        forget(list(self.staged.values_list("pk", flat=True)))
        if self.source.pages.live().exists():
            self.end(Source.Status.DONE)
        else:
            self.end(Source.Status.FAILED, failure=CANCELLED)

    def end(self, status: Source.Status, **fields: Any) -> None:
        with transaction.atomic():
            # Its owner may have changed the schedule meanwhile.
            source = Source.objects.select_for_update().get(pk=self.source.pk)
            interval = INTERVALS.get(Source.Resync(source.resync))
            self.source.resync = source.resync
            is_site = source.type == Source.Type.URL
            self.change(
                status=status,
                sync_started_at=None,
                cancel_requested_at=None,
                page_count=source.pages.live().count() if is_site else 0,
                next_sync_at=timezone.now() + interval if interval else None,
                **({"failure": ""} | fields),
            )

    def sweep(self) -> None:
        """Delete what no longer serves; pages that could not be read tell their reasons."""
        rest = self.source.pages.staged().exclude(state=Page.State.FAILED)
        forget(list(rest.values_list("pk", flat=True)))


def begin(source: Source) -> None:
    first = Source.Status.CRAWLING if source.type == Source.Type.URL else Source.Status.PROCESSING
    with transaction.atomic():
        source.status, source.sync_started_at = first, timezone.now()
        source.save(update_fields=["status", "sync_started_at"])
        Page.objects.create(chatbot_id=source.chatbot_id, source=source, url=source.url, title="")


def progress(source: Source) -> dict[str, int]:
    """Return how many pages the sync under way or the last one found, read, learnt, left out."""
    is_current = Q(is_live=False)
    if source.sync_started_at:
        is_current |= Q(is_live=True, checked_at__gte=source.sync_started_at)
    else:
        is_current |= Q(is_live=True)
    states = source.pages.filter(is_current).order_by().values_list("state").annotate(Count("pk"))
    number = dict(states)
    embedded = number.get(Page.State.EMBEDDED, 0)
    return {
        "found": sum(number.values()),
        "read": number.get(Page.State.READ, 0) + embedded,
        "embedded": embedded,
        "failed": number.get(Page.State.FAILED, 0),
    }
