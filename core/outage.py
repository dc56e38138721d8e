"""Outages of PostgreSQL in the log: a line at the beginning, what is seen then, one at the end."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Any, NamedTuple

import psycopg
from django.db import connection

from core.db import Budget, PooledConnection
from core.metrics import Gauge

logger = logging.getLogger(__name__)

PROBE_EVERY_SECONDS = 1.0
# Without a refused request for so long, and with a good probe, the outage is over.
QUIET_SECONDS = 3.0
PROBE_TIMEOUT_SECONDS = 2
# By when PostgreSQL has answered the first probe, if it is well.
PROBED_WITHIN_SECONDS = 0.2

# What other sessions wait for a lock or keep others waiting. No statements: they may hold data.
FIND_WAITING = """
    SELECT
        waiting.pid,
        coalesce(extract(epoch FROM clock_timestamp() - waiting.query_start)::int, 0),
        blocker.pid,
        blocker.application_name,
        blocker.state,
        coalesce(extract(epoch FROM clock_timestamp() - blocker.xact_start)::int, 0)
    FROM pg_stat_activity waiting
    CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
    JOIN pg_stat_activity blocker ON blocker.pid = blocking.pid
    WHERE waiting.wait_event_type = 'Lock'
    ORDER BY waiting.query_start
    LIMIT 100
"""


class Seen(NamedTuple):
    """What a probe that was answered has seen."""

    words: str
    is_well: bool


class OutageLog:
    """Logs an outage that any number of requests notice; shared by the threads of a process."""

    def __init__(
        self, probe: Callable[[], Seen], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._probe = probe
        self._clock = clock
        self._lock = Lock()
        self._began_at: float | None = None
        self._noticed_at = 0.0
        self._refused = 0
        self._is_well: bool | None = None  # as the latest probe of this outage has found it
        self._stopped = Event()

    def notice(self, error: Exception) -> None:
        """Count a request that was refused because of an outage; the first begins it."""
        with self._lock:
            self._refused += 1
            self._noticed_at = self._clock()
            if self._began_at is not None:
                return
            self._began_at = self._noticed_at
            self._is_well = None
        logger.error("database lost: %s", one_line(error))
        Thread(target=self._watch, name="database-outage", daemon=True).start()

    def check(self) -> bool:
        """Probe once; log the end of the outage and return True if it is over."""
        try:
            self._look()
        except psycopg.Error:
            return False
        with self._lock:
            now = self._clock()
            if self._began_at is None or now - self._noticed_at < QUIET_SECONDS:
                return False
            seconds, refused = now - self._began_at, self._refused
            self._began_at, self._is_well, self._refused = None, None, 0
        logger.info(
            "database returned after %.0f s; requests answered 503 meanwhile: %d",
            seconds,
            refused,
        )
        return True

    @property
    def is_under_way(self) -> bool:
        return self._began_at is not None

    @property
    def holds_up(self) -> bool:
        """Say whether whoever has to do with PostgreSQL may have to wait for it.

        It is not so where a probe finds it well: then a request has been refused for what it asked
        for itself, which took too long. PostgreSQL is given a moment to answer the first probe.
        """
        began_at, is_well = self._began_at, self._is_well
        if began_at is None or is_well is not None:
            return began_at is not None and not is_well
        return self._clock() - began_at > PROBED_WITHIN_SECONDS

    def _look(self) -> Seen:
        """Probe, and remember how PostgreSQL is. Raises psycopg.Error."""
        try:
            seen = self._probe()
        except psycopg.Error:
            self._is_well = False
            raise
        self._is_well = seen.is_well
        return seen

    def stop(self) -> None:
        """End the thread that watches an outage."""
        self._stopped.set()

    def _watch(self) -> None:
        try:
            logger.error("database lost; seen then: %s", self._look().words)
        except psycopg.Error as error:
            logger.error("database lost; no connection then: %s", one_line(error))  # noqa: TRY400
        while not self._stopped.wait(PROBE_EVERY_SECONDS) and not self.check():
            pass


def look_at_database() -> Seen:
    """Say who waits and who blocks, seen on a connection of its own. Raises psycopg.Error."""
    with probe_connection() as probe:
        waiting = probe.execute(FIND_WAITING).fetchall()
    if not waiting:
        return Seen("it answers, and no session waits for a lock", is_well=True)
    pid, seconds, blocker, application, state, blocker_seconds = waiting[0]
    number = len({row[0] for row in waiting})
    words = (
        f"sessions waiting for a lock: {number}; session {pid} for {seconds} s because of session"
        f" {blocker} ({application or 'unnamed'}, {state}, its transaction {blocker_seconds} s old)"
    )
    return Seen(words, is_well=False)


@contextmanager
def probe_connection() -> Iterator[PooledConnection]:
    """Connect beside the pool, to see how the database is; all of it in a bounded time.

    Raises psycopg.Error.
    """
    with PooledConnection.connect(**parameters(), autocommit=True) as probe:
        probe.budget = Budget(PROBE_TIMEOUT_SECONDS)
        yield probe


def parameters() -> dict[str, Any]:
    """Return how to connect beside the pool, for a short time."""
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    options: dict[str, Any] = connection.get_connection_params()
    return {name: value for name, value in options.items() if name in known} | {
        "connect_timeout": PROBE_TIMEOUT_SECONDS,
        "options": f"-c statement_timeout={1000 * PROBE_TIMEOUT_SECONDS}",
        "application_name": "insitechat probe",
    }


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())


database_outages = OutageLog(look_at_database)
Gauge(
    "insitechat_database_lost",
    "1 while this process answers 503 because PostgreSQL is out of reach.",
    read=lambda: database_outages.is_under_way,
)
