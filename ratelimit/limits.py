"""The values of the rate limiter: a rule, the answer to a call, the state of a window."""

from dataclasses import dataclass, field
from typing import Literal

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
    oldest counted call leaves the window. `made_by` says who knew it: Redis, this process, which
    remembered that Redis had refused, or this process alone, during an outage of Redis.
    """

    limit: Limit
    allowed: bool
    remaining: int
    reset_microseconds: int
    made_by: Literal["redis", "memory", "process"] = field(default="redis", compare=False)

    @property
    def counted(self) -> int:
        """Calls in the window, this one included if it was allowed."""
        return self.limit.requests - self.remaining

    @property
    def reset_seconds(self) -> int:
        """Whole seconds after which the oldest counted call has left for certain."""
        return -(-self.reset_microseconds // MICROSECONDS)


@dataclass(frozen=True, slots=True)
class WindowState:
    """What a window holds at one moment, without counting a call.

    `leaves_in_microseconds` has one entry for each counted call, the one that leaves first at the
    front. `is_shared` is false where only this process was asked.
    """

    limit: Limit
    leaves_in_microseconds: tuple[int, ...]
    is_shared: bool

    @property
    def remaining(self) -> int:
        return max(self.limit.requests - len(self.leaves_in_microseconds), 0)

    @property
    def wait_microseconds(self) -> int:
        """How long until a call would be allowed; 0 where one is now."""
        over = len(self.leaves_in_microseconds) - self.limit.requests
        return self.leaves_in_microseconds[over] if over >= 0 else 0

    @property
    def wait_seconds(self) -> int:
        """Whole seconds after which a call is allowed for certain."""
        return -(-self.wait_microseconds // MICROSECONDS)
