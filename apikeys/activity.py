"""What is shown of a key's calls: its window, its history as a chart, its last days as a line."""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from django.db.models import F, Max, QuerySet, Sum
from django.db.models.functions import TruncDate, TruncDay
from django.utils import timezone

from apikeys.models import HourlyCalls
from core.charts import axis_top, stacked_paths
from ratelimit.limits import MICROSECONDS, WindowState

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DAYS = 30
SLOTS_MAX = 120


class Outcome(NamedTuple):
    """A range of HTTP statuses that share a colour in the charts, which `css_class` sets."""

    label: str
    word: str
    css_class: str
    first: int
    last: int


# In the order in which the bars are stacked. A status belongs to the first range that contains it.
OUTCOMES = (
    Outcome("Answered (2xx, 3xx)", "answered", "answered", 200, 399),
    Outcome("Over a limit (429)", "over a limit", "limited", 429, 429),
    Outcome("Refused (other 4xx)", "refused", "refused", 400, 499),
    Outcome("Failed (5xx)", "failed", "failed", 500, 599),
)


def outcome_of(status: int) -> Outcome:
    return next(outcome for outcome in OUTCOMES if outcome.first <= status <= outcome.last)


class Slot(NamedTuple):
    """A square of the drawn window: room for one call, or for several.

    `frees_in_seconds` says when the square becomes free; None means that it is.
    """

    frees_in_seconds: int | None


def draw_slots(state: WindowState) -> tuple[list[Slot], int]:
    """Return the window as slots, in the order in which they become free, and the size of each.

    A slot for several calls becomes free when the last of them leaves the window.
    """
    size = -(-state.limit.requests // SLOTS_MAX)
    seconds = [-(-left // MICROSECONDS) for left in state.leaves_in_microseconds]
    taken = [Slot(seconds[start : start + size][-1]) for start in range(0, len(seconds), size)]
    free = -(-state.limit.requests // size) - len(taken)
    return taken + [Slot(None)] * free, size


class Span(NamedTuple):
    """A choice of the page: periods of `step` from `first` to `last`, which may be yet to come.

    `axis_format` is one of Django's `date` filter, for the moments that the chart's axis names.
    """

    slug: str
    label: str
    first: datetime
    last: datetime
    step: timedelta
    axis_format: str

    @property
    def starts(self) -> Iterator[datetime]:
        start = self.first
        while start <= self.last:
            yield start
            start += self.step

    @property
    def is_daily(self) -> bool:
        return self.step == DAY


def spans(now: datetime) -> list[Span]:
    """Return what can be chosen, the default first. Days begin at midnight UTC."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    today = midnight(hour.date())
    return [
        Span("30d", "30 days", today - (DAYS - 1) * DAY, today, DAY, "j M"),
        Span("7d", "7 days", today - 6 * DAY, today + DAY - HOUR, HOUR, "D j M"),
        Span("24h", "24 hours", hour - DAY + HOUR, hour, HOUR, "H:i"),
    ]


def span_of(day: date) -> Span:
    """Return the hours of a day. Raises OverflowError at the end of time."""
    start = midnight(day)
    label = f"{start:%a} {day.day} {start:%b %Y}"
    return Span("", label, start, start + DAY - HOUR, HOUR, "H:i")


@dataclass(frozen=True)
class Calls:
    """The numbers of calls in a period, by outcome."""

    start: datetime
    by_outcome: Mapping[Outcome, int]

    @property
    def total(self) -> int:
        return sum(self.by_outcome.values())

    @property
    def in_words(self) -> str:
        parts = [f"{number:,} {outcome.word}" for outcome, number in self.numbers if number]
        return ", ".join(parts) or "no calls"

    @property
    def numbers(self) -> list[tuple[Outcome, int]]:
        """Return the number of calls with each outcome, in the order of OUTCOMES."""
        return [(outcome, self.by_outcome.get(outcome, 0)) for outcome in OUTCOMES]


class Column(NamedTuple):
    """What the chart says of a period: when it was, and its calls in words."""

    label: str
    words: str
    day: date


class Bars(NamedTuple):
    """The bars of an outcome as the data of an SVG path: a vertical stroke at each x."""

    outcome: Outcome
    path: str


@dataclass(frozen=True)
class History:
    """The calls of a key in a span, period by period, including those without any."""

    span: Span
    periods: Sequence[Calls]
    by_status: Sequence[tuple[int, int]]

    @cached_property
    def total(self) -> int:
        return sum(period.total for period in self.periods)

    @cached_property
    def top(self) -> int:
        """Return where the chart's axis ends."""
        return axis_top(max(period.total for period in self.periods))

    @property
    def ticks(self) -> tuple[int, int, int]:
        return 0, self.top // 2, self.top

    @property
    def axis(self) -> list[datetime]:
        """Return the moments that the chart's axis names; each has the same number of periods."""
        step = 24 if len(self.periods) > DAYS else len(self.periods) // 6
        return [period.start for period in self.periods[::step]]

    @property
    def half(self) -> int:
        return len(self.periods) // 2

    @property
    def columns(self) -> list[Column]:
        """Describe every period; in Python, since a template would take ten times as long."""
        clock = "" if self.span.is_daily else ", %H:%M"
        return [
            Column(
                f"{period.start:%a} {period.start.day} {period.start:%b{clock}}",
                period.in_words,
                period.start.date(),
            )
            for period in self.periods
        ]

    @property
    def chart(self) -> list[Bars]:
        return draw_bars(
            [[number for _, number in period.numbers] for period in self.periods], self.top
        )

    @property
    def is_by_hour(self) -> bool:
        """Whether the table has hours; where that were more than a day's it has days."""
        return not self.span.is_daily and len(self.periods) <= 24

    @property
    def rows(self) -> list[Calls]:
        """Return the hours or days in which there were calls, the latest first."""
        totals: dict[datetime, Counter[Outcome]] = {}
        for period in self.periods:
            start = period.start if self.is_by_hour else midnight(period.start.date())
            totals.setdefault(start, Counter()).update(period.by_outcome)
        rows = [Calls(start, total) for start, total in totals.items() if total.total()]
        return rows[::-1]


def draw_bars(columns: Sequence[Sequence[int]], top: int) -> list[Bars]:
    """Stack the numbers of each column, one per outcome."""
    paths = stacked_paths(columns, top, len(OUTCOMES))
    return [Bars(*pair) for pair in zip(OUTCOMES, paths, strict=True)]


def read_history(key_id: uuid.UUID, span: Span) -> History:
    """Return the recorded calls of the key, by one query.

    Calls of the last second may be missing: the recorder writes once a second.
    """
    calls = HourlyCalls.objects.filter(
        api_key_id=key_id, hour__gte=span.first, hour__lt=span.last + span.step
    )
    start = TruncDay("hour", tzinfo=UTC) if span.is_daily else F("hour")
    rows = calls.annotate(start=start).values_list("start", "status").annotate(Sum("count"))
    by_period: dict[datetime, Counter[Outcome]] = {}
    by_status: Counter[int] = Counter()
    for at, status, count in rows:
        by_period.setdefault(at, Counter())[outcome_of(status)] += count
        by_status[status] += count
    periods = [Calls(at, by_period.get(at, Counter())) for at in span.starts]
    return History(span, periods, sorted(by_status.items()))


def read_peak(key_id: uuid.UUID) -> int:
    """Return the most calls that the key's window held in the last 24 hours."""
    recent = HourlyCalls.objects.filter(api_key_id=key_id, hour__gt=timezone.now() - DAY - HOUR)
    peak: int | None = recent.aggregate(Max("peak"))["peak__max"]
    return peak or 0


def calls_by_day(owner_id: uuid.UUID) -> list[int]:
    """Return the calls with any of the owner's keys on each of the last DAYS days, today last."""
    rows = (
        recent_calls()
        .filter(api_key__owner_id=owner_id)
        .annotate(day=TruncDate("hour", tzinfo=UTC))
        .values_list("day")
        .annotate(Sum("count"))
    )
    found = dict(rows)
    return [found.get(day, 0) for day in last_days()]


def calls_by_key_and_day(key_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Sequence[int]]:
    """Return the calls of each key on each of the last DAYS days, today last, by one query."""
    rows = (
        recent_calls()
        .filter(api_key_id__in=key_ids)
        .annotate(day=TruncDate("hour", tzinfo=UTC))
        .values_list("api_key_id", "day")
        .annotate(Sum("count"))
    )
    found = {(key_id, day): count for key_id, day, count in rows}
    days = last_days()
    return {key_id: [found.get((key_id, day), 0) for day in days] for key_id in key_ids}


def recent_calls() -> QuerySet[HourlyCalls]:
    """Return the calls of the last DAYS days."""
    return HourlyCalls.objects.filter(hour__gte=midnight(last_days()[0]))


def last_days() -> list[date]:
    today = timezone.now().astimezone(UTC).date()
    return [today - number * DAY for number in reversed(range(DAYS))]


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
