"""Metrics as Prometheus reads them, all processes added up."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from core.metrics import METRICS, Histogram, Metric
from core.scrapes.shared import Published


class ProcessCollector(Collector):
    """Adds up what processes have counted. A gauge has a series for each process that lives."""

    def __init__(
        self,
        read_all: Callable[[], Iterable[Published]],
        ask_database: Callable[[], Iterable[Family]],
    ) -> None:
        self._read_all = read_all
        self._ask_database = ask_database

    def collect(self) -> Iterator[Family]:
        processes = list(self._read_all())
        for metric in METRICS.values():
            if metric.kind == "gauge":
                yield gauge(metric, processes)
            else:
                yield total(metric, processes)
        yield from self._ask_database()


def total(metric: Metric[Any], processes: Iterable[Published]) -> Family:
    """Return a counter or a histogram of all processes, those that have ended included."""
    sums: dict[tuple[str, ...], Any] = {}
    for process in processes:
        for labels, value in process.snapshot.get(metric.name, []):
            key = tuple(labels)
            sums[key] = metric.sum(sums[key], value) if key in sums else value
    if isinstance(metric, Histogram):
        return histogram(metric, sums)
    family = CounterMetricFamily(metric.name, metric.text, labels=metric.labels)
    for labels, value in sums.items():
        family.add_metric(labels, value)
    return family


def histogram(metric: Histogram, sums: dict[tuple[str, ...], Any]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.text, labels=metric.labels)
    bounds = [*map(str, metric.bounds), "+Inf"]
    for labels, (*counts, seconds) in sums.items():
        buckets = list(zip(bounds, accumulate(counts), strict=True))
        family.add_metric(labels, buckets, sum_value=seconds)
    return family


def gauge(metric: Metric[Any], processes: Iterable[Published]) -> Family:
    family = GaugeMetricFamily(metric.name, metric.text, labels=("process", *metric.labels))
    for process in processes:
        if process.is_fresh:
            for labels, value in process.snapshot.get(metric.name, []):
                family.add_metric((str(process.place), *labels), value)
    return family
