"""The limiter's script beside a bare PING of the same client, in this process."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.engines import Engines
from benchmarks.rounds import Spread
from ratelimit.redis_window import KEY, SCRIPT, SCRIPT_SHA, RedisWindow

ROUNDS = 9
SUBJECTS = 2000


def measure(engines: Engines) -> tuple[Spread, Spread, Spread]:
    """Return the microseconds of the script and of a PING, and the ratio within each round."""
    window = RedisWindow(engines.valkey.url)
    window.open_connections(1)
    client = window.connected_client()
    client.script_load(SCRIPT)
    scripts, pings = [], []
    for turn in range(ROUNDS):
        keys = [KEY % f"bench-{turn}-{number}" for number in range(SUBJECTS)]
        scripts.append(
            timed([partial(client.evalsha, SCRIPT_SHA, 1, key, 60, 60_000_000) for key in keys])
        )
        pings.append(timed([client.ping] * SUBJECTS))
    window.close()
    return (
        Spread.of(scripts),
        Spread.of(pings),
        Spread.of(script / ping for script, ping in zip(scripts, pings, strict=True)),
    )


def timed(calls: Sequence[Callable[[], object]]) -> float:
    """Return the mean microseconds of one call."""
    started = time.perf_counter()
    for call in calls:
        call()
    return (time.perf_counter() - started) / len(calls) * 1_000_000
