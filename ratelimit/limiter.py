"""The limiter that requests use: Redis while it answers, this process meanwhile."""

import functools
import logging
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

from ratelimit.limits import MICROSECONDS, Decision, Limit, WindowState
from ratelimit.local_window import LocalWindow
from ratelimit.redis_window import RedisWindow, Unavailable

logger = logging.getLogger(__name__)

PROBE_EVERY_SECONDS = 0.25
# So many good answers in a row bring a process back, twice as many after each relapse.
GOOD_PROBES = 2
GOOD_PROBES_MAX = 128
RELAPSE_WITHIN_SECONDS = 60.0


class Refusals:
    """Remembers which windows are full, and until when.

    Refused calls take no place, so a full window stays full until its oldest call leaves: until
    then the answer is known without asking.
    """

    MAX = 10_000

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._full: dict[str, tuple[Limit, float]] = {}

    def find(self, subject: str, limit: Limit) -> Decision | None:
        """Return the decision on a call just now, None where it is not known."""
        known = self._full.get(subject)
        if known is None:
            return None
        refused_by, ends = known
        left = int((ends - self._clock()) * MICROSECONDS)
        if left <= 0 or refused_by != limit:
            self._full.pop(subject, None)
            return None
        return Decision(limit, allowed=False, remaining=0, reset_microseconds=left)

    def add(self, subject: str, decision: Decision, asked_at: float) -> None:
        """Remember a refusal, from when it was asked for: rather too short than too long."""
        if len(self._full) >= self.MAX:
            self._full.clear()
        self._full[subject] = (
            decision.limit,
            asked_at + decision.reset_microseconds / MICROSECONDS,
        )


class Limiter:
    """Exact across all processes while Redis answers.

    While it does not, each process holds the limit by itself: a subject may then reach its limit
    once in every process, and what Redis had counted before is not known. What was counted here
    stays counted for its window, so an engine that comes and goes does not lift the limit. One line
    in the log says that it began, one that it ended.
    """

    def __init__(
        self,
        shared: RedisWindow,
        local: LocalWindow | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._clock = clock
        self._refusals = Refusals(clock)
        self._local = local or LocalWindow()
        self._connections = 1
        self._alone = False
        self._returned_at = -RELAPSE_WITHIN_SECONDS
        self._good_probes = GOOD_PROBES
        self._turn = Lock()
        self._closed = Event()

    def hit(self, subject: str, limit: Limit) -> Decision:
        """Count one call if its limit allows it; never fails, waits under 100 ms."""
        refusal = self._refusals.find(subject, limit)
        if refusal is not None:
            return refusal
        if not self._alone:
            asked_at = self._clock()
            try:
                decision = self._shared.hit(subject, limit)
            except Unavailable as error:
                self._go_alone(error)
            else:
                if not decision.allowed:
                    self._refusals.add(subject, decision, asked_at)
                return decision
        return self._local.hit(subject, limit)

    def peek(self, subject: str, limit: Limit) -> WindowState:
        """Look at a window without counting a call, wherever the next call would be counted."""
        if not self._alone:
            try:
                return self._shared.peek(subject, limit)
            except Unavailable:
                pass
        return self._local.peek(subject, limit)

    def prepare(self, connections: int) -> None:
        """Open the connections that as many threads need, before they serve their first request."""
        self._connections = connections
        self._open_connections()

    def redis_answers(self) -> bool:
        try:
            self._shared.probe()
        except Unavailable:
            return False
        return True

    def close(self) -> None:
        self._closed.set()
        self._shared.close()

    def _go_alone(self, error: Unavailable) -> None:
        with self._turn:
            if self._alone:
                return
            self._alone = True
            relapsed = time.monotonic() - self._returned_at < RELAPSE_WITHIN_SECONDS
            self._good_probes = (
                min(2 * self._good_probes, GOOD_PROBES_MAX) if relapsed else GOOD_PROBES
            )
        logger.warning("Redis does not decide; this process holds the limits alone: %s", error)
        Thread(target=self._return_when_answered, name="ratelimit-probe", daemon=True).start()

    def _open_connections(self) -> bool:
        try:
            self._shared.open_connections(self._connections)
        except Unavailable:
            return False
        return True

    def _return_when_answered(self) -> None:
        good = 0
        while not self._closed.wait(PROBE_EVERY_SECONDS):
            good = good + 1 if self.redis_answers() else 0
            if good >= self._good_probes and self._open_connections():
                break
        self._returned_at = time.monotonic()
        self._alone = False
        logger.info("Redis decides again; the limits are shared by all processes")


@functools.cache
def limiter_for(url: str) -> Limiter:
    """Return this process's limiter for the Redis at the URL."""
    return Limiter(RedisWindow(url))
