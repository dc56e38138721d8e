"""The chart of a chatbot's answers by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

from chatbots.daily import Answers
from core.charts import axis_top, stacked_paths

AXIS_LABELS = 6


class Outcome(NamedTuple):
    """What the chart tells apart; `css_class` sets its colour."""

    label: str
    css_class: str


OUTCOMES = (Outcome("Answered", "answered"), Outcome("Fallback message", "limited"))


class Day(NamedTuple):
    date: date
    answers: Answers

    @property
    def label(self) -> str:
        return f"{self.date:%a} {self.date.day} {self.date:%b}"

    @property
    def words(self) -> str:
        if not self.answers.total:
            return "no questions"
        return f"{self.answers.answered:,} answered, {self.answers.fallback:,} not"


@dataclass(frozen=True)
class AnswersChart:
    days: Sequence[Day]

    @cached_property
    def total(self) -> int:
        return sum(day.answers.total for day in self.days)

    @cached_property
    def answered_percent(self) -> int | None:
        answered = sum(day.answers.answered for day in self.days)
        return round(100 * answered / self.total) if self.total else None

    @cached_property
    def top(self) -> int:
        return axis_top(max(day.answers.total for day in self.days))

    @property
    def ticks(self) -> tuple[int, int, int]:
        return 0, self.top // 2, self.top

    @property
    def axis(self) -> Sequence[Day]:
        return self.days[:: len(self.days) // AXIS_LABELS]

    @property
    def half(self) -> int:
        return len(self.days) // 2

    @property
    def bars(self) -> list[tuple[Outcome, str]]:
        paths = stacked_paths([day.answers for day in self.days], self.top, len(OUTCOMES))
        return list(zip(OUTCOMES, paths, strict=True))

    @property
    def rows(self) -> list[Day]:
        """Return the days with questions, the latest first."""
        return [day for day in reversed(self.days) if day.answers.total]
