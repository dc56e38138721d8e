"""The requests that find out whose they are: few at once, so that each has a connection."""

from contextvars import ContextVar
from queue import Empty, SimpleQueue

from django.conf import settings

from core.metrics import Level
from core.outage import database_outages

# How long a request waits for its look-up. When PostgreSQL hangs this is most of what it waits.
LOOK_UP_SECONDS = 2.0

WAITING = Level(
    "insitechat_turns_waiting", "Requests that wait for others, of their account or of all."
)


class ProcessBusy(Exception):
    """The process has been given more than it gets done in time."""


class LookUps:
    """So many places, each for one look-up at a time."""

    def __init__(self, most: int, seconds: float) -> None:
        # A semaphore in C; that of threading is in Python, and each request passes here.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(most):
            self._free.put(None)
        self._seconds = seconds
        self._is_inside: ContextVar[bool] = ContextVar("looks_up", default=False)

    def begin(self) -> None:
        """Wait for a place. Raises ProcessBusy when that takes too long, or PostgreSQL is away."""
        if self._is_inside.get():
            return
        try:
            self._free.get_nowait()
        except Empty:
            self._wait()
        self._is_inside.set(True)

    def _wait(self) -> None:
        try:
            with WAITING.raised():
                self._free.get(timeout=self._seconds)
        except Empty:
            raise ProcessBusy from None
        if database_outages.holds_up:  # who has waited does not wait for that too
            self._free.put(None)
            raise ProcessBusy

    def end(self) -> None:
        """Give the place back, if this thread has one."""
        if self._is_inside.get():
            self._is_inside.set(False)
            self._free.put(None)


look_ups = LookUps(settings.LOOK_UPS_MAX, LOOK_UP_SECONDS)
