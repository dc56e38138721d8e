"""What workers are doing for chatbots: reading sites and files, and learning them.

A sync reads all pages before it learns the first one. Counts and times are those of the step that
it has come to, so that they say what happens now.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

from django.db import connection

from chatbots.models import Source

# Before so many pages are done it would be a guess how long the others take.
ENOUGH_DONE = 3

# Pages of an earlier sync that is still live are left out, until the one under way confirms them.
# A file is one page: then its passages are counted.
UNDER_WAY = """
    SELECT
        source.chatbot_id,
        source.id,
        source.status,
        source.cancel_requested_at IS NOT NULL,
        pages.found,
        pages.unread,
        pages.unlearnt,
        pages.newly_learnt,
        (SELECT count(*) FROM chatbots_chunk WHERE page_id = pages.only_page),
        (
            SELECT count(DISTINCT chunk_id)
            FROM chatbots_chunkvectors WHERE page_id = pages.only_page
        ),
        coalesce(extract(epoch FROM clock.now - sync_started_at), 0)::float,
        coalesce(extract(epoch FROM clock.now - coalesce(read_at, sync_started_at)), 0)::float
    FROM (SELECT statement_timestamp() AS now) clock, chatbots_source source
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS found,
            count(*) FILTER (WHERE state = 'found') AS unread,
            count(*) FILTER (WHERE state = 'read') AS unlearnt,
            count(*) FILTER (WHERE state = 'embedded' AND NOT is_live) AS newly_learnt,
            max(checked_at) FILTER (WHERE NOT is_live) AS read_at,
            CASE WHEN count(*) = 1 THEN min(id) FILTER (WHERE state = 'read') END AS only_page
        FROM chatbots_page page
        WHERE page.source_id = source.id
            AND (NOT page.is_live OR page.checked_at >= source.sync_started_at)
    ) pages
    WHERE source.status IN ('pending', 'crawling', 'processing') AND source.deleted_at IS NULL
        AND {whose}
    ORDER BY source.created_at, source.id
"""
OF_CHATBOT = UNDER_WAY.format(whose="source.chatbot_id = %s")
OF_OWNER = UNDER_WAY.format(
    whose="""source.chatbot_id IN (
            SELECT id FROM chatbots_chatbot WHERE owner_id = %s AND deleted_at IS NULL
        )"""
)


class Task(NamedTuple):
    """How far a worker has come with a source."""

    chatbot_id: uuid.UUID
    source_id: uuid.UUID
    status: str
    is_cancelled: bool
    found: int
    unread: int
    unlearnt: int
    newly_learnt: int
    passages: int
    passages_learnt: int
    seconds: float  # since the sync began
    seconds_learning: float  # since its last page was read

    @property
    def is_waiting(self) -> bool:
        return self.status == Source.Status.PENDING

    @property
    def is_reading(self) -> bool:
        return self.unread > 0

    @property
    def verb(self) -> str:
        if self.is_cancelled:
            return "Cancelling"
        if self.is_waiting:
            return "Waiting for a worker"
        return "Reading" if self.is_reading else "Learning"

    @property
    def done(self) -> int:
        return self.found - (self.unread if self.is_reading else self.unlearnt)

    @property
    def seconds_left(self) -> float | None:
        """Return how long this step takes at its speed so far; None where that is not known."""
        if self.is_waiting or self.is_cancelled:
            return None
        if self.is_reading:
            return remaining(self.done, self.unread, self.seconds)
        if self.found == 1:
            left = self.passages - self.passages_learnt
            return remaining(self.passages_learnt, left, self.seconds_learning)
        return remaining(self.newly_learnt, self.unlearnt, self.seconds_learning)


def remaining(done: int, left: int, seconds: float) -> float | None:
    return left * seconds / done if done >= ENOUGH_DONE and seconds else None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far some tasks have come together, as people are told."""

    verb: str
    done: int
    total: int  # 0: nothing can be counted yet
    unit: str
    waiting: int  # other sources that no worker has begun
    seconds_left: float | None

    @classmethod
    def of(cls, tasks: Sequence[Task]) -> Self:
        """Add up the tasks, of which there is at least one."""
        begun = [task for task in tasks if not task.is_waiting]
        verbs = {task.verb for task in begun or tasks}
        verb = next(verb for verb in VERBS if verb in verbs)
        done, total = sum(task.done for task in begun), sum(task.found for task in begun)
        unit = "page"
        if total == 1:  # of one page it says more how many of its passages are learnt
            done = sum(task.passages_learnt for task in begun)
            total, unit = sum(task.passages for task in begun), "passage"
        times = [task.seconds_left for task in begun]
        known = [seconds for seconds in times if seconds is not None]
        waiting = len(tasks) - len(begun) if begun else len(tasks) - 1
        is_known = begun and len(known) == len(times) and not waiting
        return cls(verb, done, total, unit, waiting, max(known) if is_known else None)

    @property
    def percent(self) -> int | None:
        return 100 * self.done // self.total if self.total else None

    @property
    def in_words(self) -> str:
        """Return a sentence such as “Learning: 12 of 40 pages, about 2 min left”."""
        return "".join(self._words())

    def _words(self) -> Iterator[str]:
        yield self.verb
        if self.total:
            yield f": {self.done:,} of {self.total:,} {self.unit}{'s' if self.total > 1 else ''}"
        if self.seconds_left is not None:
            yield f", {briefly(self.seconds_left)} left"
        if self.waiting:
            sources = "source waits" if self.waiting == 1 else "sources wait"
            yield f"; {self.waiting:,} more {sources}"


def briefly(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 60:
        return "less than a minute"
    return f"about {minutes:,} min" if minutes < 60 else f"about {round(seconds / 3600):,} h"


# That of several tasks is the first of these that one of them has.
VERBS = ("Reading", "Learning", "Cancelling", "Waiting for a worker")


class Work:
    """What is under way for some chatbots."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = tasks

    @cached_property
    def whole(self) -> Progress | None:
        """Return how far all of it has come; None where nothing is under way."""
        return Progress.of(self.tasks) if self.tasks else None

    def on_chatbot(self, chatbot_id: uuid.UUID) -> Progress | None:
        tasks = [task for task in self.tasks if task.chatbot_id == chatbot_id]
        return Progress.of(tasks) if tasks else None

    def on_source(self, source_id: uuid.UUID) -> Progress | None:
        tasks = [task for task in self.tasks if task.source_id == source_id]
        return Progress.of(tasks) if tasks else None


def work_for_owner(owner_id: uuid.UUID) -> Work:
    """Return what is under way for the owner's chatbots, by one query."""
    return read_work(OF_OWNER, owner_id)


def work_for_chatbot(chatbot_id: uuid.UUID) -> Work:
    """Return what is under way for the chatbot, by one query."""
    return read_work(OF_CHATBOT, chatbot_id)


def read_work(statement: str, of_whom: uuid.UUID) -> Work:
    with connection.cursor() as cursor:
        cursor.execute(statement, [of_whom])
        return Work([Task(*row) for row in cursor.fetchall()])
