"""Redis, which holds the windows of the rate limit."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import redis
from django.conf import settings

from insitechat.operations.doctor.database import examine_clock
from insitechat.operations.doctor.finding import Finding
from ratelimit.redis_client import is_cluster

TIMEOUT_SECONDS = 3.0
MEMORY_USED = 0.8


def examine() -> Iterator[Finding]:
    if is_cluster(settings.REDIS_URL):
        return  # each of its nodes has settings of its own
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )
    try:
        asked = time.time()
        seconds, microseconds = client.time()
        answered = time.time()
        info = client.info()
    except redis.RedisError as error:
        yield Finding(
            f"Redis does not answer: {error}. Each process holds the limits by itself.",
            "Start it, or correct REDIS_URL.",
        )
        return
    finally:
        client.close()
    yield from examine_clock("Redis", seconds + microseconds / 1e6, asked, answered)
    yield from examine_memory(info)
    yield from examine_persistence(info)


def examine_memory(info: Mapping[str, Any]) -> Iterator[Finding]:
    policy, limit, used = info["maxmemory_policy"], info["maxmemory"], info["used_memory"]
    if policy != "noeviction":
        yield Finding(
            f"Redis evicts ({policy}): a window that is evicted lifts its limit.",
            "Set maxmemory-policy to noeviction.",
        )
    if limit and used > MEMORY_USED * limit:
        yield Finding(
            f"Redis uses {used / 2**20:.0f} of {limit / 2**20:.0f} MiB.",
            "Raise maxmemory: a full Redis refuses to count.",
            is_warning=True,
        )


def examine_persistence(info: Mapping[str, Any]) -> Iterator[Finding]:
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        yield Finding(
            "Redis could not save its data: a restart forgets the calls since the last time.",
            "Look at its log; usually its disk is full.",
            is_warning=True,
        )
    elif not info.get("aof_enabled") and not info.get("rdb_last_save_time"):
        yield Finding(
            "Redis saves nothing: a restart forgets the calls of the last minute.",
            'Set save, for example to "60 1", or appendonly.',
            is_warning=True,
        )
