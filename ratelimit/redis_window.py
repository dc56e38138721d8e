"""The sliding window in Redis: one script, one round trip."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ratelimit.limits import MICROSECONDS, Decision, Limit, WindowState
from ratelimit.redis_client import BoundedClient, is_cluster

SCRIPT = (Path(__file__).parent / "sliding_window.lua").read_text()
SCRIPT_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
STATE_SCRIPT = (Path(__file__).parent / "window_state.lua").read_text()
COUNTS_SCRIPT = (Path(__file__).parent / "window_counts.lua").read_text()
KEY = "ratelimit:{%s}"
# A call waits for its limit 100 ms at most; the rest is for what surrounds the question.
TIMEOUT_SECONDS = 0.085


class RedisWindow:
    """Sliding windows in Redis or Valkey, shared by every process; exact by the engine's clock.

    Every method raises Unavailable where Redis does not answer within `timeout_seconds`.
    """

    def __init__(self, url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.client = BoundedClient(url, timeout_seconds)
        self._is_cluster = is_cluster(url)

    def hit(self, subject: str, limit: Limit, *, now_microseconds: int | None = None) -> Decision:
        """Count one call. The clock is Redis's own unless a test gives a time."""
        arguments: list[str | int] = [1, KEY % subject, limit.requests, limit.window_seconds]
        if now_microseconds is not None:
            arguments.append(now_microseconds)
        allowed, remaining, reset = self.client.ask(
            "EVALSHA", SCRIPT_SHA, *arguments, if_no_script=("EVAL", SCRIPT, *arguments)
        )
        return Decision(limit, bool(allowed), remaining, reset)

    def peek(self, subject: str, limit: Limit) -> WindowState:
        """Look at a window without counting a call."""
        window = limit.window_seconds * MICROSECONDS
        leaves = self.client.ask("EVAL", STATE_SCRIPT, 1, KEY % subject, window)
        return WindowState(limit, tuple(leaves), is_shared=True)

    def counts(self, windows: Sequence[tuple[str, Limit]]) -> list[int]:
        """Return how many calls each window holds, by one round trip.

        A cluster keeps them on several nodes, so there it is a round trip for each.
        """
        if self._is_cluster:
            return [len(self.peek(*window).leaves_in_microseconds) for window in windows]
        keys = [KEY % subject for subject, _ in windows]
        lengths = [limit.window_seconds * MICROSECONDS for _, limit in windows]
        counts: list[int] = self.client.ask("EVAL", COUNTS_SCRIPT, len(keys), *keys, *lengths)
        return counts

    def probe(self) -> None:
        """Make a decision that concerns nobody, to see if Redis makes any; loads the script."""
        self.hit("probe", Limit(1, window_seconds=1))

    def open_connections(self, count: int) -> None:
        """Open connections until so many are idle, and have the script loaded."""
        self.client.open_connections(count)
        self.probe()

    def close(self) -> None:
        self.client.close()
