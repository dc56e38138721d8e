"""The values that the rate limiter speaks in."""

from dataclasses import dataclass
from typing import Protocol

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `requests` calls in any half-open window of `window_seconds`."""

    requests: int
    window_seconds: int = 60


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one call, with the numbers that it was made from.

    `remaining` calls are left in the window after this one; `reset_microseconds` from now the
    oldest counted call leaves the window.
    """

    limit: Limit
    allowed: bool
    remaining: int
    reset_microseconds: int

    @property
    def reset_seconds(self) -> int:
        """Whole seconds after which the oldest counted call has left for certain."""
        return -(-self.reset_microseconds // MICROSECONDS)


class LimitExceeded(Exception):
    """A call is over its limit; the decision says when there is room again."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision)
        self.decision = decision


class Window(Protocol):
    """Counts calls per subject."""

    def hit(self, subject: str, limit: Limit) -> Decision:
        """Count one call of the subject if its limit allows it, atomically."""
