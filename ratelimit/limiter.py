"""The limiter that requests use: shared windows in Redis, local ones while it is unavailable."""

import functools
import logging
import time
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread

from django.conf import settings

from ratelimit.limits import MICROSECONDS, Decision, Limit, WindowState
from ratelimit.local_window import LocalWindow
from ratelimit.recovery import Recovery
from ratelimit.redis_client import Unavailable
from ratelimit.redis_window import TIMEOUT_SECONDS, RedisWindow
from ratelimit.refusals import Refusals

logger = logging.getLogger(__name__)

PROBE_EVERY_SECONDS = 0.25


class Limiter:
    """Exact across all processes while Redis answers.

    During an outage each process holds the limit by itself, and counts what it allowed before: a
    subject may then reach its limit once in every process. What a process allowed during an outage
    it goes on counting when Redis answers again, and in the next outage. So in any window, whatever
    Redis does or forgets meanwhile, no more than processes × limit are allowed. The log has one
    line when an outage begins and one when it ends.
    """

    def __init__(self, shared: RedisWindow, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._local = LocalWindow(lambda: microseconds(clock()))
        self._clock = clock
        self._refusals = Refusals(clock)
        self._recovery = Recovery(clock)
        self._connections = 1
        self._is_outage = self._had_outage = False
        self._outage_lock = Lock()
        self._closed = Event()

    def hit(self, subject: str, limit: Limit) -> Decision:
        """Count one call if its limit allows it; never fails, and waits only for Redis."""
        refusal = self._refusals.find(subject, limit)
        if refusal is not None:
            return refusal
        if not (self._is_outage or (self._had_outage and self._is_used_up_here(subject, limit))):
            asked_at = self._clock()
            try:
                decision = self._shared.hit(subject, limit)
            except Unavailable as error:
                self._begin_outage(error)
            else:
                if decision.allowed:
                    self._local.note(subject, limit, microseconds(asked_at))
                else:
                    self._refusals.add(subject, decision, asked_at)
                return decision
        return self._local.hit(subject, limit)

    def peek(self, subject: str, limit: Limit) -> WindowState:
        """Look at a window without counting a call, wherever the next call would be counted."""
        if not self._is_outage and not self._is_used_up_here(subject, limit):
            try:
                return self._shared.peek(subject, limit)
            except Unavailable:
                pass
        return self._local.peek(subject, limit)

    def counts(self, windows: Sequence[tuple[str, Limit]]) -> list[int]:
        """Return how many calls each subject's window holds, without counting any."""
        if windows and not self._is_outage:
            try:
                return self._shared.counts(windows)
            except Unavailable:
                pass
        return [len(self._local.peek(*window).leaves_in_microseconds) for window in windows]

    def _is_used_up_here(self, subject: str, limit: Limit) -> bool:
        """Say whether this process alone has allowed all calls, some of them in an outage."""
        if not self._recovery.ended_within(limit.window_seconds):
            return False
        return not self._local.peek(subject, limit).remaining

    def prepare(self, connections: int) -> None:
        """Open the connections that as many threads need, before they serve their first request."""
        self._connections = connections
        self._open_connections()

    @property
    def is_alone(self) -> bool:
        """Say whether this process holds the limits by itself, because Redis is unavailable."""
        return self._is_outage

    def redis_answers(self) -> bool:
        try:
            self._shared.probe()
        except Unavailable:
            return False
        return True

    def close(self) -> None:
        self._closed.set()
        self._shared.close()

    def _open_connections(self) -> bool:
        try:
            self._shared.open_connections(self._connections)
        except Unavailable:
            return False
        return True

    def _begin_outage(self, error: Unavailable) -> None:
        with self._outage_lock:
            if self._is_outage:
                return
            self._recovery.begin()
            self._is_outage = True
        logger.warning("Redis is unavailable; this process holds the limits by itself: %s", error)
        Thread(target=self._probe_until_recovered, name="ratelimit-probe", daemon=True).start()

    def _probe_until_recovered(self) -> None:
        while not self._closed.wait(PROBE_EVERY_SECONDS):
            if self._recovery.add(is_good=self.redis_answers()) and self._open_connections():
                self._recovery.end()
                self._had_outage = True
                self._is_outage = False
                logger.info("Redis answers again; the limits are shared by all processes")
                return


def microseconds(seconds: float) -> int:
    return int(seconds * MICROSECONDS)


@functools.cache
def limiter_for(url: str) -> Limiter:
    """Return this process's limiter for the Redis at the URL.

    The setting RATE_LIMIT_WAIT_SECONDS bounds how long a call waits for it.
    """
    wait_seconds = getattr(settings, "RATE_LIMIT_WAIT_SECONDS", TIMEOUT_SECONDS)
    return Limiter(RedisWindow(url, wait_seconds))
