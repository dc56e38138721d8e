"""What a key is doing, as its page shows it: the window drawn, the peak, calls by hour and day."""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple

from django.utils import timezone

from apikeys.models import HourlyCalls
from ratelimit.limits import MICROSECONDS, WindowState

HOUR = timedelta(hours=1)
DAYS = 30
SLOTS_MAX = 120
CHART_HEIGHT = 100


class Outcome(NamedTuple):
    """Statuses that are drawn in one colour; `css_class` names it."""

    label: str
    css_class: str
    first: int
    last: int


# In the order in which they are stacked; the first that fits has the status.
OUTCOMES = (
    Outcome("Answered (2xx, 3xx)", "answered", 200, 399),
    Outcome("Over a limit (429)", "limited", 429, 429),
    Outcome("Refused (other 4xx)", "refused", 400, 499),
    Outcome("Failed (5xx)", "failed", 500, 599),
)


def outcome_of(status: int) -> Outcome:
    return next(one for one in OUTCOMES if one.first <= status <= one.last)


class Slot(NamedTuple):
    """A place in the window, or several that are drawn as one; `frees_in_seconds` None: free."""

    frees_in_seconds: int | None


def draw_slots(state: WindowState) -> tuple[list[Slot], int]:
    """Return the window's slots, those that free first at the front, and the calls of each.

    A slot of several calls is free when all of them have left.
    """
    size = -(-state.limit.requests // SLOTS_MAX)
    seconds = [-(-left // MICROSECONDS) for left in state.leaves_in_microseconds]
    taken = [Slot(seconds[at : at + size][-1]) for at in range(0, len(seconds), size)]
    free = -(-state.limit.requests // size) - len(taken)
    return taken + [Slot(None)] * free, size


@dataclass(frozen=True)
class Calls:
    """How many calls there were in a span of time, by outcome."""

    start: datetime
    by_outcome: Mapping[Outcome, int]

    @property
    def total(self) -> int:
        return sum(self.by_outcome.values())

    @property
    def numbers(self) -> list[tuple[Outcome, int]]:
        """Return the number of each outcome, in the outcomes' order."""
        return [(one, self.by_outcome.get(one, 0)) for one in OUTCOMES]


class Bars(NamedTuple):
    """One outcome's bars as the data of an SVG path: upright strokes, one apart."""

    outcome: Outcome
    path: str


@dataclass(frozen=True)
class History:
    """A key's calls in the last 30 days, by hour; hours without calls are there too."""

    hours: Sequence[Calls]
    by_status: Sequence[tuple[int, int]]
    peak: int

    @property
    def total(self) -> int:
        return sum(hour.total for hour in self.hours)

    @property
    def busiest(self) -> int:
        return max(hour.total for hour in self.hours)

    @property
    def days(self) -> list[Calls]:
        """Return days with calls, the latest first."""
        totals: dict[date, Counter[Outcome]] = {}
        for hour in self.hours:
            totals.setdefault(hour.start.date(), Counter()).update(hour.by_outcome)
        days = [Calls(midnight(day), total) for day, total in totals.items() if total.total()]
        return days[::-1]

    def hours_of(self, day: date) -> list[Calls]:
        return [hour for hour in self.hours if hour.start.date() == day and hour.total]

    @property
    def chart(self) -> list[Bars]:
        return draw_bars([[number for _, number in hour.numbers] for hour in self.hours])


def read_history(key_id: uuid.UUID) -> History:
    """Return what has been recorded of the key, by one query; the latest second may lack."""
    this_hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    first = midnight((this_hour - timedelta(days=DAYS - 1)).date())
    rows = HourlyCalls.objects.filter(api_key_id=key_id, hour__gte=first)
    by_hour: dict[datetime, Counter[Outcome]] = {}
    by_status: Counter[int] = Counter()
    peak = 0
    for row in rows:
        by_hour.setdefault(row.hour, Counter())[outcome_of(row.status)] += row.count
        by_status[row.status] += row.count
        if row.hour > this_hour - timedelta(days=1):
            peak = max(peak, row.peak)
    spans = every_hour(first, this_hour)
    hours = [Calls(start, by_hour.get(start, Counter())) for start in spans]
    return History(hours, sorted(by_status.items()), peak)


def draw_bars(columns: Sequence[Sequence[int]]) -> list[Bars]:
    """Stack the columns' numbers, one for each outcome, to at most CHART_HEIGHT."""
    highest = max(map(sum, columns), default=0) or 1
    pieces: list[list[str]] = [[] for _ in OUTCOMES]
    for x, numbers in enumerate(columns):
        sums = accumulate(numbers, initial=0)
        ys = [round(CHART_HEIGHT - one * CHART_HEIGHT / highest, 1) for one in sums]
        for outcome, (bottom, top) in enumerate(pairwise(ys)):
            if top < bottom:
                pieces[outcome].append(f"M{x} {bottom:g}V{top:g}")
    return [Bars(one, "".join(path)) for one, path in zip(OUTCOMES, pieces, strict=True)]


def every_hour(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += HOUR


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
