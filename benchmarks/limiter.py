"""A decision of the limiter compared with a PING by the client library, in this process."""

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
    """Return the microseconds of a decision, those of a PING, and their ratio in each round."""
    window = RedisWindow(engines.valkey.url)
    window.open_connections(1)
    client = engines.redis()
    decisions, pings = [], []
    for round_number in range(ROUNDS):
        subjects = [f"bench-{round_number}-{number}" for number in range(SUBJECTS)]
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
