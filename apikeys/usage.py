"""What keys do, recorded beside requests: last use, calls by hour, attempts after a key's end."""

import atexit
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
from django.db import Error, InterfaceError, OperationalError, connection
from django.utils import timezone

from apikeys.models import HourlyCalls
from apikeys.services import log_expired_keys

logger = logging.getLogger(__name__)

WRITE_EVERY_SECONDS = 1.0
TIDY_EVERY_SECONDS = 60.0
KEEP = timedelta(days=31)

# Rows are locked in order of their id: processes that record the same keys cannot deadlock.
RECORD_LAST_USE = """
    UPDATE apikeys_apikey
    SET last_used_at = GREATEST(apikeys_apikey.last_used_at, used.at),
        first_used_at = COALESCE(apikeys_apikey.first_used_at, used.at)
    FROM (
        SELECT apikey.id, seen.at
        FROM json_to_recordset(%s) AS seen (id uuid, at timestamptz)
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
        FROM json_to_recordset(%s) AS seen (id uuid, count bigint, at timestamptz)
        JOIN apikeys_apikey apikey ON apikey.id = seen.id
        ORDER BY apikey.id
        FOR NO KEY UPDATE OF apikey
    ) rejected
    WHERE apikeys_apikey.id = rejected.id
"""

RECORD_CALLS = """
    INSERT INTO apikeys_hourlycalls AS known (api_key_id, hour, status, count, peak)
    SELECT seen.*
    FROM json_to_recordset(%s) AS seen (
        api_key_id uuid, hour timestamptz, status smallint, count bigint, peak integer
    )
    WHERE EXISTS (SELECT FROM apikeys_apikey WHERE id = seen.api_key_id)
    ORDER BY 1, 2, 3
    ON CONFLICT (api_key_id, hour, status) DO UPDATE
    SET count = known.count + EXCLUDED.count, peak = GREATEST(known.peak, EXCLUDED.peak)
"""


class Rejections(NamedTuple):
    """How many attempts with an ended key were refused, and when the latest was."""

    number: int
    latest: datetime


class Answers(NamedTuple):
    """What is counted together: a key's answers of one status in one hour."""

    key_id: uuid.UUID
    hour: datetime
    status: int


class Calls(NamedTuple):
    """How many calls there were, and the most that the key's window held at one of them."""

    number: int
    peak: int


def add_rejections(one: Rejections, other: Rejections) -> Rejections:
    return Rejections(one.number + other.number, max(one.latest, other.latest))


def add_calls(one: Calls, other: Calls) -> Calls:
    return Calls(one.number + other.number, max(one.peak, other.peak))


Key = TypeVar("Key")
Value = TypeVar("Value")


class Ledger(Generic[Key, Value]):
    """Collects values in memory until they are written; what the database refuses stays in it."""

    def __init__(
        self,
        name: str,
        merge: Callable[[Value, Value], Value],
        execute: Callable[[Mapping[Key, Value]], None],
    ) -> None:
        self.name = name
        self._merge = merge
        self._execute = execute
        self._entries: dict[Key, Value] = {}
        self._lock = Lock()

    def note(self, key: Key, value: Value) -> None:
        with self._lock:
            known = self._entries.get(key)
            self._entries[key] = value if known is None else self._merge(known, value)

    def write(self) -> None:
        """Write what has been noted since the last time, by one statement."""
        with self._lock:
            entries, self._entries = self._entries, {}
        if not entries:
            return
        try:
            self._execute(entries)
        except Error as error:
            logger.warning("%s of API keys not written yet: %s", self.name, error)
            for key, value in entries.items():
                self.note(key, value)

    def discard(self) -> None:
        """Forget what has not been written."""
        with self._lock:
            self._entries = {}


class UsageRecorder:
    """Keeps in memory what keys do and writes it each second, from a thread of its own.

    A request pays for dictionary entries. A process runs at most one statement a second for each
    ledger, and none while there is nothing to write. A graceful stop writes what is left; a killed
    process loses up to a second. What the database refused is kept and tried again; counts whose
    commit went unanswered are tried again too and then count twice.
    """

    def __init__(self) -> None:
        self.in_background = True
        self.last_uses = Ledger[uuid.UUID, datetime]("last use", max, write_last_uses)
        self.rejections = Ledger[uuid.UUID, Rejections](
            "rejected calls", add_rejections, write_rejections
        )
        self.calls = Ledger[Answers, Calls]("calls", add_calls, write_calls)
        self._arrived = Event()
        self._writing = Lock()
        self._thread: Thread | None = None

    def record(self, key_id: uuid.UUID, status: int = 200, in_window: int = 1) -> None:
        """Note that a call of this key was answered just now, and how full its window is."""
        now = timezone.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        self.calls.note(Answers(key_id, hour, status), Calls(1, in_window))
        if status < 400:
            self.last_uses.note(key_id, now)
        self._wake()

    def record_rejection(self, key_id: uuid.UUID) -> None:
        """Note that a call with this ended key was refused just now."""
        self.rejections.note(key_id, Rejections(1, timezone.now()))
        self._wake()

    def write(self) -> None:
        """Write what has been recorded since the last time."""
        with self._writing:
            self.last_uses.write()
            self.rejections.write()
            self.calls.write()

    def discard(self) -> None:
        """Forget what has not been written."""
        for ledger in (self.last_uses, self.rejections, self.calls):
            ledger.discard()

    def start(self) -> None:
        """Start the thread, once a process; the first call that is recorded does it too."""
        with self._writing:
            if self._thread is None and self.in_background:
                self._thread = Thread(target=self._write_forever, name="key-usage", daemon=True)
                self._thread.start()
                atexit.register(self.write)

    def _wake(self) -> None:
        if not self._arrived.is_set():
            self._arrived.set()
        if self._thread is None:
            self.start()

    def _write_forever(self) -> None:
        tidied_at = -TIDY_EVERY_SECONDS
        while True:
            self._arrived.wait(TIDY_EVERY_SECONDS)
            self._arrived.clear()
            self.write()
            if time.monotonic() - tidied_at >= TIDY_EVERY_SECONDS:
                tidied_at = time.monotonic()
                tidy()
            time.sleep(WRITE_EVERY_SECONDS)


def tidy() -> None:
    """Log keys that have expired, and forget counts that are too old to be shown."""
    try:
        log_expired_keys()
        HourlyCalls.objects.filter(hour__lt=timezone.now() - KEEP).delete()
    except Error as error:
        logger.warning("expired API keys not logged yet: %s", error)
        connection.close()


def write_last_uses(uses: Mapping[uuid.UUID, datetime]) -> None:
    write_rows(RECORD_LAST_USE, ({"id": key_id, "at": at} for key_id, at in uses.items()))


def write_rejections(rejections: Mapping[uuid.UUID, Rejections]) -> None:
    write_rows(
        RECORD_REJECTIONS,
        (
            {"id": key_id, "count": some.number, "at": some.latest}
            for key_id, some in rejections.items()
        ),
    )


def write_calls(calls: Mapping[Answers, Calls]) -> None:
    write_rows(
        RECORD_CALLS,
        (
            {
                "api_key_id": answers.key_id,
                "hour": answers.hour,
                "status": answers.status,
                "count": some.number,
                "peak": some.peak,
            }
            for answers, some in calls.items()
        ),
    )


def write_rows(statement: str, rows: Iterable[dict[str, Any]]) -> None:
    """Execute the statement, on a new connection if this thread's broke while it was idle.

    Its rows go as one JSON text: written by orjson that costs a fraction of what arrays do, whose
    elements the driver writes one by one, in the time of the requests beside it.
    """
    parameter = orjson.dumps(list(rows)).decode()
    try:
        execute(statement, parameter)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        execute(statement, parameter)


def execute(statement: str, parameter: str) -> None:
    connection.health_check_done = True  # type: ignore[attr-defined]  # trying is the check
    with connection.cursor() as cursor:
        cursor.execute(statement, [parameter])


recorder = UsageRecorder()
