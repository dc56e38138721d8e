"""Counting in a process, and adding processes up."""

import time
from threading import Thread

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from core import metrics
from core.metrics import Counter, Gauge, Histogram, Level
from core.scrapes.exposition import ProcessCollector
from core.scrapes.shared import HALF_BYTES, SharedMemory, TooLarge


@pytest.fixture(autouse=True)
def _only_these_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "METRICS", {})
    monkeypatch.setattr("core.scrapes.exposition.METRICS", metrics.METRICS)


@pytest.fixture
def memory() -> SharedMemory:
    return SharedMemory()


def scrape(memory: SharedMemory) -> list[str]:
    registry = CollectorRegistry()
    registry.register(ProcessCollector(memory.read_all, list))
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_processes_are_added_up(memory: SharedMemory) -> None:
    calls = Counter("calls_total", "Calls.", "route")
    seconds = Histogram("seconds", "Durations.")
    calls.inc("a")
    seconds.observe(0.001953125)
    memory.write(0, metrics.snapshot())
    calls.inc("a", by=2)
    calls.inc('b"\n')
    seconds.observe(60)
    memory.write(1, metrics.snapshot())
    lines = scrape(memory)
    assert 'calls_total{route="a"} 4.0' in lines
    assert 'calls_total{route="b\\"\\n"} 1.0' in lines
    assert 'seconds_bucket{le="0.001"} 0.0' in lines
    assert 'seconds_bucket{le="0.0025"} 2.0' in lines
    assert 'seconds_bucket{le="30.0"} 2.0' in lines
    assert 'seconds_bucket{le="+Inf"} 3.0' in lines
    assert "seconds_count 3.0" in lines
    assert "seconds_sum 60.00390625" in lines


def test_a_bound_belongs_to_its_bucket(memory: SharedMemory) -> None:
    Histogram("seconds", "Durations.").observe(0.5)
    memory.write(0, metrics.snapshot())
    assert 'seconds_bucket{le="0.5"} 1.0' in scrape(memory)


def test_a_counter_without_labels_begins_at_0(memory: SharedMemory) -> None:
    Counter("failures_total", "Failures.")
    memory.write(0, metrics.snapshot())
    assert scrape(memory) == ["failures_total 0.0"]


def test_a_gauge_is_each_living_processs_own(
    memory: SharedMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    Gauge("pool", "Pool.", "state", read=lambda: {"idle": 3})
    Gauge("none", "Nothing here.", read=lambda: None)
    level = Level("inside", "Threads in a block.")
    calls = Counter("calls_total", "Calls.")
    calls.inc()
    with level.raised():
        memory.write(0, metrics.snapshot())
    memory.write(3, metrics.snapshot())
    assert scrape(memory)[:4] == [
        'pool{process="0",state="idle"} 3.0',
        'pool{process="3",state="idle"} 3.0',
        'inside{process="0"} 1.0',
        'inside{process="3"} 0.0',
    ]
    later = time.monotonic() + 60
    monkeypatch.setattr("core.scrapes.shared.time.monotonic", lambda: later)
    assert scrape(memory) == ["calls_total 2.0"]


def test_the_next_process_in_a_place_goes_on_counting(memory: SharedMemory) -> None:
    calls = Counter("calls_total", "Calls.", "route")
    seconds = Histogram("seconds", "Durations.")
    Gauge("threads", "Threads.", read=lambda: 1)
    former: metrics.Snapshot = {
        "calls_total": [(["a"], 5.0)],
        "seconds": [([], [1.0] * 17)],
        "gone_total": [([], 1)],
    }
    calls.inc("a")
    metrics.resume(former)
    seconds.observe(0.0001)
    memory.write(0, metrics.snapshot())
    assert 'calls_total{route="a"} 6.0' in scrape(memory)
    assert 'seconds_bucket{le="0.0005"} 2.0' in scrape(memory)


def test_places_are_given_again(memory: SharedMemory) -> None:
    places = [memory.take_place() for _ in range(3)]
    memory.free_place(1)
    assert places == [0, 1, 2]
    assert memory.take_place() == 1
    assert [memory.take_place() for _ in range(62)][-2:] == [63, None]


@pytest.mark.parametrize("writings", [2, 3])
def test_a_process_that_dies_while_writing_leaves_what_it_wrote_before(
    memory: SharedMemory, writings: int
) -> None:
    calls = Counter("calls_total", "Calls.")
    for _ in range(writings):
        calls.inc()
        memory.write(0, metrics.snapshot())
    half = writings % 2
    start = half * HALF_BYTES
    memory._memory[start + 40 : start + 50] = b"x" * 10
    assert scrape(memory) == [f"calls_total {writings - 1}.0"]


def test_what_does_not_fit_is_refused(memory: SharedMemory) -> None:
    Counter("calls_total", "Calls.", "route").inc("x" * HALF_BYTES)
    with pytest.raises(TooLarge):
        memory.write(0, metrics.snapshot())


def test_names_are_used_once() -> None:
    Counter("calls_total", "Calls.")
    with pytest.raises(ValueError, match="two metrics calls_total"):
        Counter("calls_total", "Calls.")


def test_no_count_of_simultaneous_threads_is_lost() -> None:
    calls = Counter("calls_total", "Calls.", "route")
    seconds = Histogram("seconds", "Durations.")

    def count() -> None:
        for _ in range(5000):
            calls.inc("a")
            seconds.observe(1)

    threads = [Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls.series() == [(("a",), 40_000)]
    assert sum(seconds.series()[0][1][:-1]) == 40_000
