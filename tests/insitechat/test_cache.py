"""The shared cache, and that an outage of Redis does not take it along."""

import os

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from insitechat.cache import SharedCache
from tests.accounts.test_sign_up import EMAIL, PASSWORD, is_signed_in, sign_in, text
from tests.ratelimit.test_cluster import cluster_url

__all__ = ["cluster_url"]  # a fixture

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.fixture
def alone() -> SharedCache:
    return SharedCache(NOBODY_LISTENS, {"OPTIONS": {"socket_connect_timeout": 0.2}})


def test_processes_share_it() -> None:
    other = SharedCache(os.environ["REDIS_URL"], {"KEY_PREFIX": cache.key_prefix})
    assert cache.add("lock", 1)
    assert not other.add("lock", 2)
    cache.set("tries", [1.5, 0.5], 60)
    assert other.get("tries") == [1.5, 0.5]
    assert other.delete("tries")
    assert cache.get("tries", []) == []


def test_without_redis_it_remembers_by_itself(alone: SharedCache) -> None:
    assert alone.add("lock", 1)
    assert not alone.add("lock", 2)
    alone.set("tries", [0.5], 60)
    assert alone.get("tries") == [0.5]
    assert alone.delete("tries")
    assert alone.get("tries") is None


def test_a_cluster_keeps_it_too(cluster_url: str) -> None:
    cluster = SharedCache(cluster_url, {"KEY_PREFIX": "x", "OPTIONS": {"socket_timeout": 1.0}})
    for number in range(5):
        assert cluster.add(f"lock-{number}", number)
    one, other = (SharedCache(cluster_url, {"KEY_PREFIX": prefix}) for prefix in ("x", "y"))
    assert [one.get(f"lock-{number}") for number in range(5)] == list(range(5))
    assert not one.add("lock-1", 7)
    other.set("lock-1", 8)
    cluster.clear()
    assert (one.get("lock-1"), other.get("lock-1")) == (None, 8)


def test_clearing_it_leaves_the_limits_alone() -> None:
    cache.set("tries", 1)
    other = SharedCache(os.environ["REDIS_URL"], {"KEY_PREFIX": "somebody-else"})
    other.set("tries", 2)
    cache.clear()
    assert cache.get("tries") is None
    assert other.get("tries") == 2


def test_people_sign_in_and_are_throttled_without_redis(
    db: None, alone: SharedCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allauth.core.internal.ratelimit.cache", alone)
    User.objects.create_user(EMAIL, PASSWORD)
    client = Client()
    sign_in(client)
    assert is_signed_in(client)
    for _ in range(5):
        refused = sign_in(Client(), EMAIL, "wrong")
    assert "Too many sign-ins have failed" not in text(refused)
    assert "Too many sign-ins have failed" in text(sign_in(Client(), EMAIL, "wrong"))
