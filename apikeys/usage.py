"""When each key was last used, and how often refused after its end, recorded beside requests."""

import atexit
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any

from django.db import Error, InterfaceError, OperationalError, connection
from django.utils import timezone

logger = logging.getLogger(__name__)

WRITE_EVERY_SECONDS = 1.0

# Rows are locked in order of their id: processes that record the same keys cannot deadlock.
RECORD = """
    UPDATE apikeys_apikey
    SET last_used_at = GREATEST(apikeys_apikey.last_used_at, used.at),
        first_used_at = COALESCE(apikeys_apikey.first_used_at, used.at)
    FROM (
        SELECT apikey.id, seen.at
        FROM unnest(%s::uuid[], %s::timestamptz[]) AS seen (id, at)
        JOIN apikeys_apikey apikey ON apikey.id = seen.id
        ORDER BY apikey.id
        FOR NO KEY UPDATE OF apikey
    ) used
    WHERE apikeys_apikey.id = used.id
"""

RECORD_REJECTIONS = """
    UPDATE apikeys_apikey
    SET rejected_count = apikeys_apikey.rejected_count + rejected.count,
        last_rejected_at = GREATEST(apikeys_apikey.last_rejected_at, rejected.at)
    FROM (
        SELECT apikey.id, seen.count, seen.at
        FROM unnest(%s::uuid[], %s::bigint[], %s::timestamptz[]) AS seen (id, count, at)
        JOIN apikeys_apikey apikey ON apikey.id = seen.id
        ORDER BY apikey.id
        FOR NO KEY UPDATE OF apikey
    ) rejected
    WHERE apikeys_apikey.id = rejected.id
"""


@dataclass(frozen=True, slots=True)
class Rejections:
    """How many attempts were refused, and when the latest was."""

    count: int
    latest: datetime

    def __add__(self, other: "Rejections") -> "Rejections":
        return Rejections(self.count + other.count, max(self.latest, other.latest))


class LastUsedRecorder:
    """Keeps the latest successful call of each key in memory and writes them all each second.

    Attempts with ended keys are counted beside it. A request pays one dictionary entry. A process
    runs at most one statement a second for each of the two, and none while there is nothing to
    write. A graceful stop writes what is left; a killed process loses up to a second. What the
    database refused is kept and tried again.
    """

    def __init__(self) -> None:
        self.in_background = True
        self._used: dict[uuid.UUID, datetime] = {}
        self._rejected: dict[uuid.UUID, Rejections] = {}
        self._arrived = Event()
        self._noting = Lock()
        self._writing = Lock()
        self._thread: Thread | None = None

    def record(self, key_id: uuid.UUID) -> None:
        """Note that a call of this key was answered well just now."""
        self._note({key_id: timezone.now()})
        self._start_once()

    def record_rejection(self, key_id: uuid.UUID) -> None:
        """Note that a call with this ended key was refused just now."""
        self._note_rejections({key_id: Rejections(1, timezone.now())})
        self._start_once()

    def write(self) -> None:
        """Write what has been recorded since the last time, by one statement for each kind."""
        with self._writing:
            with self._noting:
                used, self._used = self._used, {}
                rejected, self._rejected = self._rejected, {}
            if used:
                try:
                    write_last_used(used)
                except Error as error:
                    logger.warning("last use of %d API keys not written yet: %s", len(used), error)
                    self._note(used)
            if rejected:
                try:
                    write_rejections(rejected)
                except Error as error:
                    logger.warning("rejected calls not written yet: %s", error)
                    self._note_rejections(rejected)

    def _note(self, used: Mapping[uuid.UUID, datetime]) -> None:
        with self._noting:
            for key_id, moment in used.items():
                self._used[key_id] = max(moment, self._used.get(key_id, moment))
        self._arrived.set()

    def _note_rejections(self, rejected: Mapping[uuid.UUID, Rejections]) -> None:
        with self._noting:
            for key_id, more in rejected.items():
                known = self._rejected.get(key_id)
                self._rejected[key_id] = known + more if known else more
        self._arrived.set()

    def discard(self) -> None:
        """Forget what has not been written."""
        self._used = {}
        self._rejected = {}

    def _start_once(self) -> None:
        if self._thread is None and self.in_background:
            self._start()

    def _start(self) -> None:
        with self._writing:
            if self._thread is None:
                self._thread = Thread(target=self._write_forever, name="last-used", daemon=True)
                self._thread.start()
                atexit.register(self.write)

    def _write_forever(self) -> None:
        while self._arrived.wait():
            self._arrived.clear()
            self.write()
            time.sleep(WRITE_EVERY_SECONDS)


def write_last_used(used: Mapping[uuid.UUID, datetime]) -> None:
    """Write the times; see execute_again."""
    execute_again(RECORD, [list(used.keys()), list(used.values())])


def write_rejections(rejected: Mapping[uuid.UUID, Rejections]) -> None:
    """Add the counts. One whose commit went unanswered is tried again and then counts twice."""
    some = rejected.values()
    execute_again(
        RECORD_REJECTIONS,
        [list(rejected), [one.count for one in some], [one.latest for one in some]],
    )


def execute_again(statement: str, parameters: list[Any]) -> None:
    """Execute the statement, on a new connection if this thread's broke while it was idle."""
    try:
        execute(statement, parameters)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        execute(statement, parameters)


def execute(statement: str, parameters: list[Any]) -> None:
    connection.health_check_done = True  # type: ignore[attr-defined]  # trying is the check
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


recorder = LastUsedRecorder()
