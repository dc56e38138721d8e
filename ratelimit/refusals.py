"""Refusals that need no question to Redis."""

from collections.abc import Callable

from ratelimit.limits import MICROSECONDS, Decision, Limit

MAX_SUBJECTS = 10_000


class Refusals:
    """Remembers which windows are full, and until when.

    Refused calls take no place, so a full window stays full until its oldest call leaves: until
    then the answer is known without asking. Threads share it without a lock: at worst one of them
    asks Redis in vain.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._full: dict[str, tuple[Limit, float]] = {}

    def find(self, subject: str, limit: Limit) -> Decision | None:
        """Return the decision on a call at this moment, None where it is not known."""
        known = self._full.get(subject)
        if known is None:
            return None
        refused_by, ends_at = known
        left = int((ends_at - self._clock()) * MICROSECONDS)
        if left <= 0 or refused_by != limit:
            return None
        return Decision(
            limit, allowed=False, remaining=0, reset_microseconds=left, made_by="memory"
        )

    def add(self, subject: str, decision: Decision, asked_at: float) -> None:
        """Remember a refusal; its time runs from the question, so it never lasts too long."""
        if len(self._full) >= MAX_SUBJECTS:
            self._full.clear()
        ends_at = asked_at + decision.reset_microseconds / MICROSECONDS
        self._full[subject] = (decision.limit, ends_at)
