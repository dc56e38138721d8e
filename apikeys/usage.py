"""What keys do, recorded beside requests: last use, calls by hour, attempts after a key's end."""

import atexit
import logging
import uuid
from datetime import datetime
from threading import Event, Lock, Thread

from django.db import connections
from django.utils import timezone

from apikeys.ledger import Ledger
from apikeys.usage_rows import (
    Answers,
    Calls,
    Rejections,
    add_calls,
    add_rejections,
    write_calls,
    write_last_uses,
    write_rejections,
)
from core.metrics import Gauge

logger = logging.getLogger(__name__)

WRITE_EVERY_SECONDS = 1.0


class UsageRecorder:
    """Keeps in memory what keys do and writes it each second, from a thread of its own.

    A request pays for dictionary entries. A process runs at most one statement a second for each
    ledger and thousand rows, and none while there is nothing to write; between writes it holds no
    connection. A graceful stop writes what is left; a killed process loses up to a second. What
    could not be written is kept and tried again, within the bounds of a Ledger; counts whose commit
    went unanswered are tried again too and then count twice.
    """

    def __init__(self) -> None:
        self.in_background = True
        self.last_uses = Ledger[uuid.UUID, datetime]("last uses", max, write_last_uses)
        self.rejections = Ledger[uuid.UUID, Rejections](
            "rejected calls", add_rejections, write_rejections
        )
        self.calls = Ledger[Answers, Calls]("calls", add_calls, write_calls)
        self._ledgers = (self.last_uses, self.rejections, self.calls)
        self._arrived = Event()
        self._stopped = Event()
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
            for ledger in self._ledgers:
                ledger.write()

    @property
    def unwritten(self) -> int:
        """How many rows have been recorded and not been taken to be written."""
        return sum(len(ledger) for ledger in self._ledgers)

    def discard(self) -> None:
        """Forget what has not been written."""
        for ledger in self._ledgers:
            ledger.discard()

    def start(self) -> None:
        """Start the thread, once a process; the first call that is recorded does it too."""
        with self._writing:
            if self._thread is None and self.in_background:
                thread = Thread(target=self._write_until_stopped, name="key-usage", daemon=True)
                thread.start()
                self._thread = thread
                atexit.register(self.stop)

    def stop(self) -> None:
        """End the thread, for good, and write what is left."""
        self._stopped.set()
        self._arrived.set()
        if self._thread is not None:
            self._thread.join()
        self.write()

    def _wake(self) -> None:
        if not self._arrived.is_set():
            self._arrived.set()
        if self._thread is None:
            self.start()

    def _write_until_stopped(self) -> None:
        is_failing = False
        while not self._stopped.is_set():
            self._arrived.wait()
            self._arrived.clear()
            try:
                self.write()
                is_failing = False
            except Exception:  # nothing may end the thread
                if not is_failing:
                    logger.exception("the usage of API keys is not written; it is tried again")
                is_failing = True
            if any(self._ledgers):
                self._arrived.set()
            self._stopped.wait(WRITE_EVERY_SECONDS)
        connections.close_all()  # without a pool, the thread's own connection would stay open


recorder = UsageRecorder()
Gauge(
    "insitechat_usage_unwritten",
    "Rows that the usage recorder has yet to write.",
    read=lambda: recorder.unwritten,
)
