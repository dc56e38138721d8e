"""When each key was last used, recorded beside the requests instead of in them."""

import atexit
import logging
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from threading import Event, Lock, Thread

from django.db import Error, InterfaceError, OperationalError, connection
from django.utils import timezone

logger = logging.getLogger(__name__)

WRITE_EVERY_SECONDS = 1.0

# Rows are locked in order of their id: processes that record the same keys cannot deadlock.
RECORD = """
    UPDATE apikeys_apikey
    SET last_used_at = GREATEST(apikeys_apikey.last_used_at, used.at)
    FROM (
        SELECT apikey.id, seen.at
        FROM unnest(%s::uuid[], %s::timestamptz[]) AS seen (id, at)
        JOIN apikeys_apikey apikey ON apikey.id = seen.id
        ORDER BY apikey.id
        FOR NO KEY UPDATE OF apikey
    ) used
    WHERE apikeys_apikey.id = used.id
"""


class LastUsedRecorder:
    """Keeps the latest successful call of each key in memory and writes them all each second.

    A request pays one dictionary entry. A process runs at most one statement a second, and none
    while its keys are idle. A graceful stop writes what is left; a killed process loses up to a
    second. What the database refused is kept and tried again.
    """

    def __init__(self) -> None:
        self.in_background = True
        self._used: dict[uuid.UUID, datetime] = {}
        self._arrived = Event()
        self._noting = Lock()
        self._writing = Lock()
        self._thread: Thread | None = None

    def record(self, key_id: uuid.UUID) -> None:
        """Note that a call of this key was answered well just now."""
        self._note({key_id: timezone.now()})
        if self._thread is None and self.in_background:
            self._start()

    def write(self) -> None:
        """Write what has been recorded since the last time, by one statement."""
        with self._writing:
            with self._noting:
                used, self._used = self._used, {}
            if not used:
                return
            try:
                write_last_used(used)
            except Error as error:
                logger.warning("last use of %d API keys not written yet: %s", len(used), error)
                self._note(used)

    def _note(self, used: Mapping[uuid.UUID, datetime]) -> None:
        with self._noting:
            for key_id, moment in used.items():
                self._used[key_id] = max(moment, self._used.get(key_id, moment))
        self._arrived.set()

    def discard(self) -> None:
        """Forget what has not been written."""
        self._used = {}

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
    """Write the times, on a new connection if this thread's broke while it was idle."""
    try:
        execute_record(used)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        execute_record(used)


def execute_record(used: Mapping[uuid.UUID, datetime]) -> None:
    connection.health_check_done = True  # type: ignore[attr-defined]  # trying is the check
    with connection.cursor() as cursor:
        cursor.execute(RECORD, [list(used.keys()), list(used.values())])


recorder = LastUsedRecorder()
