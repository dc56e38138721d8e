"""The shared cache while Redis answers."""

import os
import uuid
from typing import Any

import pytest
from django.core.cache import cache

from core.cache import SharedCache
from tests.conftest import wait_for
from tests.ratelimit.test_cluster import cluster_url

__all__ = ["cluster_url"]  # a fixture


@pytest.fixture
def other() -> SharedCache:
    """Return what another process has of the same cache."""
    return SharedCache(os.environ["REDIS_URL"], {"KEY_PREFIX": cache.key_prefix})


def test_processes_share_it(other: SharedCache) -> None:
    assert cache.add("lock", 1)
    assert not other.add("lock", 2)
    cache.set("tries", [1.5, 0.5], 60)
    assert other.get("tries") == [1.5, 0.5]
    assert other.delete("tries")
    assert not cache.delete("tries")
    assert cache.get("tries", []) == []


@pytest.mark.parametrize("value", [0, 7, True, None, "7", b"7", [1.5], {"a": "ü"}], ids=repr)
def test_values_come_back_as_they_were(other: SharedCache, value: object) -> None:
    cache.set("value", value)
    assert other.get("value", "nothing") == value
    assert type(other.get("value")) is type(value)


@pytest.mark.parametrize(
    ("timeout", "milliseconds"),
    [({}, 300_000), ({"timeout": 60}, 60_000), ({"timeout": 0.5}, 500), ({"timeout": None}, None)],
)
def test_values_expire(
    other: SharedCache, timeout: dict[str, Any], milliseconds: int | None
) -> None:
    cache.set("set", 1, **timeout)
    cache.add("added", 1, **timeout)
    for key in ("set", "added"):
        left = other._redis.ask("PTTL", other.make_key(key))
        if milliseconds is None:
            assert left == -1
        else:
            assert milliseconds - 30_000 < left <= milliseconds


def test_a_time_out_of_nothing_stores_nothing(other: SharedCache) -> None:
    cache.set("set", 1)
    cache.set("set", 2, timeout=0)
    wait_for(lambda: other.get("set") is None)


def test_a_cluster_keeps_it_too(cluster_url: str) -> None:
    ours, same, others = (SharedCache(cluster_url, {"KEY_PREFIX": prefix}) for prefix in "xxy")
    for number in range(5):
        assert ours.add(f"lock-{number}", number)
    assert [same.get(f"lock-{number}") for number in range(5)] == list(range(5))
    assert not same.add("lock-1", 7)
    others.set("lock-1", 8)
    ours.clear()
    assert (same.get("lock-1"), others.get("lock-1")) == (None, 8)


def test_clearing_it_leaves_what_others_keep_alone() -> None:
    cache.set("tries", 1)
    others = SharedCache(os.environ["REDIS_URL"], {"KEY_PREFIX": f"other-{uuid.uuid4()}"})
    others.set("tries", 2)
    cache.clear()
    assert cache.get("tries") is None
    assert others.get("tries") == 2
