"""A decision of the limiter beside a bare PING by the client library, in this process."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.engines import Engines
from benchmarks.rounds import Spread
from ratelimit.limits import Limit
from ratelimit.redis_window import RedisWindow

ROUNDS = 9
SUBJECTS = 2000
LIMIT = Limit(60)


def measure(engines: Engines) -> tuple[Spread, Spread, Spread]:
    """Return the microseconds of a decision and of a PING, and the ratio within each round."""
    window = RedisWindow(engines.valkey.url)
    window.open_connections(1)
    client = engines.redis()
    decisions, pings = [], []
    for turn in range(ROUNDS):
        subjects = [f"bench-{turn}-{number}" for number in range(SUBJECTS)]
        decisions.append(timed([partial(window.hit, subject, LIMIT) for subject in subjects]))
        pings.append(timed([client.ping] * SUBJECTS))
    window.close()
    client.close()
    return (
        Spread.of(decisions),
        Spread.of(pings),
        Spread.of(decision / ping for decision, ping in zip(decisions, pings, strict=True)),
    )


def timed(calls: Sequence[Callable[[], object]]) -> float:
    """Return the mean microseconds of one call."""
    started = time.perf_counter()
    for call in calls:
        call()
    return (time.perf_counter() - started) / len(calls) * 1_000_000
