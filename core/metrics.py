"""Metrics: what this process counts, for Prometheus.

A metric is declared beside what it counts, in a module that is loaded at the start. Its labels have
few values, known in advance: names of routes, providers, jobs, outcomes. Nothing of a person, a
key or a path is a label.

Counting costs a request a lock and a dictionary entry. (The counters of prometheus_client, which
write into files that processes share, cost five to nine times as much.) Once a second a thread
copies everything to memory that the processes share (`core.scrapes.shared`), and a scrape adds it
up (`core.scrapes.exposition`).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, ClassVar, Generic, TypeVar

Labels = tuple[str, ...]
Value = TypeVar("Value")
Series = Sequence[tuple[Sequence[str], Any]]
Snapshot = Mapping[str, Series]

# From what a refusal takes to what a provider may.
SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)


class Metric(Generic[Value]):
    """A named set of series, one for each combination of labels that was met."""

    kind: ClassVar[str]

    def __init__(self, name: str, text: str, *labels: str) -> None:
        if name in METRICS:
            raise ValueError(f"there are two metrics {name}")
        self.name = name
        self.text = text
        self.labels = labels
        self._values: dict[Labels, Value] = {}
        self._lock = Lock()
        METRICS[name] = self

    def series(self) -> Series:
        """Return the series as they are now; their values are never changed afterwards."""
        with self._lock:
            return list(self._values.items())

    def add(self, series: Series) -> None:
        """Add what another process has counted."""
        with self._lock:
            for labels, value in series:
                key = tuple(labels)
                known = self._values.get(key)
                self._values[key] = value if known is None else self.sum(known, value)

    @staticmethod
    def sum(one: Any, other: Any) -> Any:
        return one + other


METRICS: dict[str, Metric[Any]] = {}


class Counter(Metric[float]):
    """What only grows. One without labels is 0 from the start, so that its first step shows."""

    kind = "counter"

    def __init__(self, name: str, text: str, *labels: str) -> None:
        super().__init__(name, text, *labels)
        if not labels:
            self._values[()] = 0.0

    def inc(self, *labels: str, by: float = 1.0) -> None:
        with self._lock:
            self._values[labels] = self._values.get(labels, 0.0) + by


class Histogram(Metric[Sequence[float]]):
    """Durations in seconds, by buckets: how many in each and beyond the last, then their sum."""

    kind = "histogram"
    bounds = SECONDS

    def observe(self, seconds: float, *labels: str) -> None:
        at = bisect_left(self.bounds, seconds)
        with self._lock:
            series = self._values.get(labels)
            if series is None:
                series = self._values[labels] = [0.0] * (len(self.bounds) + 2)
            series[at] += 1  # type: ignore[index]
            series[-1] += seconds  # type: ignore[index]

    def series(self) -> Series:
        with self._lock:
            return [(labels, tuple(value)) for labels, value in self._values.items()]

    @staticmethod
    def sum(one: Any, other: Any) -> Any:
        return [a + b for a, b in zip(one, other, strict=True)]


class Gauge(Metric[float]):
    """What goes up and down in this process, read once a second; None where it does not apply.

    With a label, `read` returns a value for each of its values.
    """

    kind = "gauge"

    def __init__(
        self,
        name: str,
        text: str,
        *labels: str,
        read: Callable[[], float | Mapping[str, float] | None],
    ) -> None:
        super().__init__(name, text, *labels)
        self._read = read

    def series(self) -> Series:
        value = self._read()
        if value is None:
            return []
        if isinstance(value, Mapping):
            return [((label,), float(number)) for label, number in value.items()]
        return [((), float(value))]


class Level(Gauge):
    """A gauge that says in how many threads of this process a block is being run."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, text, read=lambda: self._level)
        self._level = 0

    @contextmanager
    def raised(self) -> Iterator[None]:
        self._step(1)
        try:
            yield
        finally:
            self._step(-1)

    def _step(self, by: int) -> None:
        with self._lock:
            self._level += by


def snapshot() -> Snapshot:
    """Return all series of this process."""
    return {name: metric.series() for name, metric in METRICS.items()}


def resume(former: Snapshot) -> None:
    """Go on counting where another process has ended."""
    for metric in accumulating():
        metric.add(former.get(metric.name, []))


def accumulating() -> Iterable[Metric[Any]]:
    return (metric for metric in METRICS.values() if not isinstance(metric, Gauge))
