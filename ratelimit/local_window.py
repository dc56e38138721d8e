"""The sliding window inside one process."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from ratelimit.limits import MICROSECONDS, Decision, Limit, WindowState

# Or every time that as many calls are counted as there are windows, if that is more.
SWEEP_EVERY_HITS = 1024


def monotonic_microseconds() -> int:
    return time.monotonic_ns() // 1000


@dataclass(slots=True)
class Window:
    """The times of one subject's counted calls, and when the latest of them leaves."""

    calls: deque[int] = field(default_factory=deque)
    empty_at: int = 0


class LocalWindow:
    """Sliding windows in this process's memory, exact within it and shared by its threads.

    Every SWEEP_EVERY_HITS calls, windows that no call is left in are dropped, so memory follows the
    subjects that are active.
    """

    def __init__(self, clock: Callable[[], int] = monotonic_microseconds) -> None:
        self._clock = clock
        self._windows: dict[str, Window] = {}
        self._lock = Lock()
        self._hits = 0

    def __len__(self) -> int:
        return len(self._windows)

    def hit(self, subject: str, limit: Limit) -> Decision:
        """Count one call if its limit allows it."""
        length = limit.window_seconds * MICROSECONDS
        with self._lock:
            now = self._clock()
            window = self._current(subject, now, now - length)
            calls = window.calls
            allowed = len(calls) < limit.requests
            if allowed:
                calls.append(now)
                window.empty_at = now + length
            return Decision(
                limit=limit,
                allowed=allowed,
                remaining=max(limit.requests - len(calls), 0),
                reset_microseconds=calls[0] + length - now if calls else 0,
                made_by="process",
            )

    def note(self, subject: str, limit: Limit, called_at: int) -> None:
        """Count a call that has been allowed elsewhere."""
        length = limit.window_seconds * MICROSECONDS
        with self._lock:
            window = self._current(subject, called_at, called_at - length)
            window.calls.append(called_at)
            window.empty_at = called_at + length

    def peek(self, subject: str, limit: Limit) -> WindowState:
        """Look at a window without counting a call."""
        length = limit.window_seconds * MICROSECONDS
        with self._lock:
            now = self._clock()
            window = self._windows.get(subject) or Window()
            leaves = tuple(call + length - now for call in window.calls if call + length > now)
        return WindowState(limit, leaves, is_shared=False)

    def _current(self, subject: str, now: int, left_at: int) -> Window:
        """Return the subject's window without the calls that have left it."""
        self._hits += 1
        if self._hits >= max(SWEEP_EVERY_HITS, len(self._windows)):
            self._hits = 0
            self._sweep(now)
        window = self._windows.setdefault(subject, Window())
        while window.calls and window.calls[0] <= left_at:
            window.calls.popleft()
        return window

    def _sweep(self, now: int) -> None:
        ended = [subject for subject, window in self._windows.items() if window.empty_at <= now]
        for subject in ended:
            del self._windows[subject]
