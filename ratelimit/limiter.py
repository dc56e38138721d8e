"""The limiter that requests use: Redis while it answers, this process meanwhile."""

import functools
import logging
import time
from threading import Event, Lock, Thread

from ratelimit.limits import Decision, Limit
from ratelimit.local_window import LocalWindow
from ratelimit.redis_window import RedisWindow, Unavailable

logger = logging.getLogger(__name__)

PROBE_EVERY_SECONDS = 0.25
# So many good answers in a row bring a process back, twice as many after each relapse.
GOOD_PROBES = 2
GOOD_PROBES_MAX = 128
RELAPSE_WITHIN_SECONDS = 60.0


class Limiter:
    """Exact across all processes while Redis answers.

    While it does not, each process holds the limit by itself: a subject may then reach its limit
    once in every process, and what Redis had counted before is not known. What was counted here
    stays counted for its window, so an engine that comes and goes does not lift the limit. One line
    in the log says that it began, one that it ended.
    """

    def __init__(self, shared: RedisWindow, local: LocalWindow | None = None) -> None:
        self._shared = shared
        self._local = local or LocalWindow()
        self._connections = 1
        self._alone = False
        self._returned_at = -RELAPSE_WITHIN_SECONDS
        self._good_probes = GOOD_PROBES
        self._turn = Lock()
        self._closed = Event()

    def hit(self, subject: str, limit: Limit) -> Decision:
        """Count one call if its limit allows it; never fails, waits under 100 ms."""
        if not self._alone:
            try:
                return self._shared.hit(subject, limit)
            except Unavailable as error:
                self._go_alone(error)
        return self._local.hit(subject, limit)

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
