"""How far work on chatbots has come, in numbers and in words."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from chatbots.models import Source

# Before so many pages are done it would be a guess how long the others take.
ENOUGH_DONE = 3


class Task(NamedTuple):
    """How far a worker has come with a source."""

    chatbot_id: uuid.UUID
    source_id: uuid.UUID
    status: str
    is_cancelled: bool
    found: int
    unread: int
    unlearnt: int
    newly_learnt: int
    passages: int
    passages_learnt: int
    seconds: float  # since the sync began
    seconds_learning: float  # since its last page was read

    @property
    def is_waiting(self) -> bool:
        return self.status == Source.Status.PENDING

    @property
    def is_reading(self) -> bool:
        return self.unread > 0

    @property
    def verb(self) -> str:
        if self.is_cancelled:
            return "Cancelling"
        if self.is_waiting:
            return "Waiting for a worker"
        return "Reading" if self.is_reading else "Learning"

    @property
    def done(self) -> int:
        return self.found - (self.unread if self.is_reading else self.unlearnt)

    @property
    def seconds_left(self) -> float | None:
        """Return how long this step takes at its speed so far; None where that is not known."""
        if self.is_waiting or self.is_cancelled:
            return None
        if self.is_reading:
            return remaining(self.done, self.unread, self.seconds)
        if self.found == 1:
            left = self.passages - self.passages_learnt
            return remaining(self.passages_learnt, left, self.seconds_learning)
        return remaining(self.newly_learnt, self.unlearnt, self.seconds_learning)


class Rebuild(NamedTuple):
    """How far a worker has come with an index that is to take a live one's place."""

    chatbot_id: uuid.UUID
    passages: int
    passages_learnt: int
    passages_before: int  # that were learnt when it was last begun or resumed
    seconds: float  # since then

    @property
    def seconds_left(self) -> float | None:
        done = self.passages_learnt - self.passages_before
        return remaining(done, self.passages - self.passages_learnt, self.seconds)


def remaining(done: int, left: int, seconds: float) -> float | None:
    return left * seconds / done if done >= ENOUGH_DONE and seconds else None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far some tasks have come together, as people are told."""

    verb: str
    done: int
    total: int  # 0: nothing can be counted yet
    unit: str
    waiting: int  # further sources that no worker has begun
    seconds_left: float | None

    @classmethod
    def of(cls, tasks: Sequence[Task]) -> Self:
        """Add up the tasks, of which there is at least one."""
        begun = [task for task in tasks if not task.is_waiting]
        verbs = {task.verb for task in begun or tasks}
        verb = next(verb for verb in VERBS if verb in verbs)
        done, total = sum(task.done for task in begun), sum(task.found for task in begun)
        unit = "page"
        if total == 1:  # of one page it says more how many of its passages are learnt
            done = sum(task.passages_learnt for task in begun)
            total, unit = sum(task.passages for task in begun), "passage"
        times = [task.seconds_left for task in begun]
        known = [seconds for seconds in times if seconds is not None]
        waiting = len(tasks) - len(begun) if begun else len(tasks) - 1
        is_known = begun and len(known) == len(times) and not waiting
        return cls(verb, done, total, unit, waiting, max(known) if is_known else None)

    @classmethod
    def of_rebuilds(cls, rebuilds: Sequence[Rebuild]) -> Self:
        """Add up the rebuilds, of which there is at least one."""
        done = sum(rebuild.passages_learnt for rebuild in rebuilds)
        total = sum(rebuild.passages for rebuild in rebuilds)
        times = [rebuild.seconds_left for rebuild in rebuilds]
        known = [seconds for seconds in times if seconds is not None]
        left = max(known) if len(known) == len(times) else None
        return cls("Learning anew", done, total, "passage", 0, left)

    @property
    def percent(self) -> int | None:
        return 100 * self.done // self.total if self.total else None

    @property
    def in_words(self) -> str:
        """Return a sentence such as “Learning: 12 of 40 pages, about 2 min left”."""
        return "".join(self._words())

    def _words(self) -> Iterator[str]:
        yield self.verb
        if self.total:
            yield f": {self.done:,} of {self.total:,} {self.unit}{'s' if self.total > 1 else ''}"
        if self.seconds_left is not None:
            yield f", {briefly(self.seconds_left)} left"
        if self.waiting:
            sources = "source waits" if self.waiting == 1 else "sources wait"
            yield f"; {self.waiting:,} more {sources}"


def briefly(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 60:
        return "less than a minute"
    return f"about {minutes:,} min" if minutes < 60 else f"about {round(seconds / 3600):,} h"


# That of several tasks is the first of these that one of them has.
VERBS = ("Reading", "Learning", "Cancelling", "Waiting for a worker")
