"""A circuit breaker: after a failure, callers do without what failed for a while."""

import time
from collections.abc import Callable
from threading import Lock


class CircuitBreaker:
    """Tells callers whether to call something that may have failed; shared by threads.

    It is closed until a failure is reported. Then it is open: nobody calls for `open_seconds`. From
    then on one caller may try, the next one `open_seconds` later; a success closes it again.
    """

    def __init__(self, open_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._open_seconds = open_seconds
        self._clock = clock
        self._lock = Lock()
        self._next_trial_at: float | None = None

    def allows_call(self) -> bool:
        with self._lock:
            if self._next_trial_at is None:
                return True
            now = self._clock()
            if now < self._next_trial_at:
                return False
            self._next_trial_at = now + self._open_seconds
            return True

    def report_failure(self) -> bool:
        """Open the breaker; return whether it was closed."""
        with self._lock:
            was_closed = self._next_trial_at is None
            self._next_trial_at = self._clock() + self._open_seconds
            return was_closed

    def report_success(self) -> bool:
        """Close the breaker; return whether it was open."""
        if self._next_trial_at is None:
            return False
        with self._lock:
            was_open = self._next_trial_at is not None
            self._next_trial_at = None
            return was_open
