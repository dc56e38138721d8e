"""The sliding window inside one process."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from ratelimit.limits import MICROSECONDS, Decision, Limit, WindowState

SWEEP_EVERY_HITS = 1024


def monotonic_microseconds() -> int:
    return time.monotonic_ns() // 1000


class LocalWindow:
    """Sliding windows in this process's memory, exact within it and shared by its threads.

    Windows without a call in them are dropped in passing, so memory follows the busy subjects.
    """

    def __init__(self, clock: Callable[[], int] = monotonic_microseconds) -> None:
        self._clock = clock
        self._calls: dict[str, deque[int]] = {}
        self._leaves_last: dict[str, int] = {}
        self._lock = Lock()
        self._hits = 0

    def hit(self, subject: str, limit: Limit) -> Decision:
        window = limit.window_seconds * MICROSECONDS
        with self._lock:
            now = self._clock()
            self._sweep(now)
            calls = self._calls.setdefault(subject, deque())
            while calls and calls[0] <= now - window:
                calls.popleft()
            allowed = len(calls) < limit.requests
            if allowed:
                calls.append(now)
                self._leaves_last[subject] = now + window
            return Decision(
                limit=limit,
                allowed=allowed,
                remaining=max(limit.requests - len(calls), 0),
                reset_microseconds=calls[0] + window - now if calls else 0,
            )

    def peek(self, subject: str, limit: Limit) -> WindowState:
        window = limit.window_seconds * MICROSECONDS
        with self._lock:
            now = self._clock()
            leaves = [call + window - now for call in self._calls.get(subject, ())]
        return WindowState(limit, tuple(left for left in leaves if left > 0), is_shared=False)

    def _sweep(self, now: int) -> None:
        self._hits += 1
        if self._hits % SWEEP_EVERY_HITS:
            return
        for subject in [name for name, leaves in self._leaves_last.items() if leaves <= now]:
            del self._calls[subject], self._leaves_last[subject]
