"""Waiting for something that another may fail to do, without blaming it for one's own lateness."""

import time
from collections.abc import Callable

SLICES = 5
# A slice that took a quarter longer than it should have is late.
LATE = 1.25
LATENESS_MAX_SECONDS = 0.4


class Patience:
    """Bounds a wait that is made of short ones, SLICES of which make up the time-out.

    A short wait that ends late says that this thread was kept from running: by other threads of the
    process, or by a machine that is busy. Whoever is waited for may have been kept as well, or has
    answered long since. So a late one does not count, until LATENESS_MAX_SECONDS are lost so.
    """

    __slots__ = ("_clock", "_last", "_late_seconds", "_left", "slice_seconds")

    def __init__(self, timeout_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.slice_seconds = timeout_seconds / SLICES
        self._clock = clock
        self._last = clock()
        self._left = SLICES
        self._late_seconds = 0.0

    def spend(self) -> None:
        """Count a short wait that was over before this began."""
        self._left -= 1

    def is_over(self) -> bool:
        """Say whether the wait is over; call this after each short wait that was in vain."""
        now = self._clock()
        waited, self._last = now - self._last, now
        if waited <= LATE * self.slice_seconds or self._late_seconds > LATENESS_MAX_SECONDS:
            self._left -= 1
        else:
            self._late_seconds += waited
        return self._left <= 0
