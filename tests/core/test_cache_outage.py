"""The shared cache while Redis is gone or hangs: how long it waits, and what it remembers."""

import logging
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from core import cache as cache_module
from core.cache import OPEN_SECONDS, TIMEOUT_SECONDS, Redis, SharedCache, redis_at
from insitechat.operations.local.engines import Valkey
from ratelimit.redis_client import Unavailable
from tests.accounts.test_sign_up import (
    EMAIL,
    FAILURES_ALLOWED,
    is_signed_in,
    sign_in,
    text,
)
from tests.clock import Clock
from tests.conftest import PASSWORD

NOBODY_LISTENS = "127.0.0.1:1"
TOO_MANY = "Too many sign-ins have failed"


class SilentServer:
    """Accepts connections and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.accepted: list[socket.socket] = []
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                self.accepted.append(self._listener.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self.accepted:
            connection.close()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentServer]:
    monkeypatch.setattr(cache_module, "TIMEOUT_SECONDS", TIMEOUT_SECONDS)  # as in production
    with closing(SilentServer()) as server:
        yield server


@pytest.fixture(params=["redis", "redis+cluster"])
def hanging_url(request: pytest.FixtureRequest, silent: SilentServer) -> str:
    return f"{request.param}://{silent.address}"


@pytest.fixture(params=["silent", "gone"])
def dead_url(request: pytest.FixtureRequest, silent: SilentServer) -> str:
    return f"redis://{silent.address if request.param == 'silent' else NOBODY_LISTENS}"


@pytest.fixture
def use_redis_at(settings: Settings) -> Callable[[str], None]:
    """Have the project's cache at the URL, by a process that has never asked there before."""

    def use(url: str) -> None:
        redis_at.cache_clear()
        changes = {"LOCATION": url, "KEY_PREFIX": str(uuid.uuid4())}
        settings.CACHES = {"default": {**settings.CACHES["default"], **changes}}

    return use


@pytest.fixture
def alone(clock: Clock) -> SharedCache:
    """Return a cache without Redis."""
    return cache_at(f"redis://{NOBODY_LISTENS}", clock)


def cache_at(url: str, clock: Clock) -> SharedCache:
    cache = SharedCache(url, {"KEY_PREFIX": str(uuid.uuid4())})
    cache._redis = Redis(url, clock)
    return cache


def questions(monkeypatch: pytest.MonkeyPatch, asked: Redis) -> list[tuple[Any, ...]]:
    """Collect the commands that Redis is asked from now on: each may cost a time-out."""
    sent: list[tuple[Any, ...]] = []
    ask = asked._client.ask

    def note(*command: Any) -> Any:
        sent.append(command)
        return ask(*command)

    monkeypatch.setattr(asked._client, "ask", note)
    return sent


def test_two_time_outs_are_no_more_than_a_second() -> None:
    # A sign-in meets the beginning of an outage and, if it takes long, one trial.
    assert 2 * TIMEOUT_SECONDS <= 1


def test_one_call_to_a_server_that_hangs_ends_in_time(hanging_url: str) -> None:
    with pytest.raises(Unavailable, match=r"(?i)time"):
        Redis(hanging_url).ask("GET", "key")


def test_a_sign_in_waits_once_and_the_next_ones_never(
    db: None,
    dead_url: str,
    use_redis_at: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    User.objects.create_user(EMAIL, PASSWORD)
    use_redis_at(dead_url)
    sent = questions(monkeypatch, redis_at(dead_url))
    for _ in range(3):
        client = Client()
        sign_in(client)
        assert is_signed_in(client)
        assert len(sent) == 1


def test_people_are_throttled_without_redis(db: None, use_redis_at: Callable[[str], None]) -> None:
    User.objects.create_user(EMAIL, PASSWORD)
    use_redis_at(f"redis+cluster://{NOBODY_LISTENS}")
    for _ in range(FAILURES_ALLOWED):
        refused = sign_in(Client(), EMAIL, "wrong")
    assert TOO_MANY not in text(refused)
    assert TOO_MANY in text(sign_in(Client(), EMAIL, "wrong"))


def test_after_an_outage_has_begun_one_call_at_a_time_tries(
    alone: SharedCache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = questions(monkeypatch, alone._redis)
    for asked in (1, 2, 3):
        for _ in range(5):
            alone.get("key")
        assert len(sent) == asked
        clock.now += OPEN_SECONDS


def test_threads_share_what_is_known_of_an_outage() -> None:
    assert cache_module.redis_at("redis://x") is cache_module.redis_at("redis://x")


def test_without_redis_it_remembers_by_itself(alone: SharedCache) -> None:
    assert alone.add("lock", 1)
    assert not alone.add("lock", 2)
    assert alone.delete("lock")
    assert not alone.delete("lock")
    assert alone.add("lock", 3)
    alone.set("tries", [0.5], 60)
    assert alone.get("tries") == [0.5]
    assert alone.get("nothing", "default") == "default"


def test_its_own_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "LOCAL_KEYS_MAX", 30)
    small = cache_at("redis://127.0.0.1:2", clock)
    for number in range(100):
        small.set(f"key-{number}", number)
    assert sum(small.get(f"key-{number}") is not None for number in range(100)) <= 30
    assert small.get("key-99") == 99


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    engine = Valkey(tmp_path / "valkey", durable=False)
    engine.start()
    yield engine
    engine.stop()


def test_what_was_remembered_meanwhile_counts_afterwards(
    valkey: Valkey, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "core.cache")
    cache = cache_at(valkey.url, clock)
    cache.set("before", 1)
    valkey.stop()
    assert cache.add("code", "used")
    cache.set("tries", [1])
    cache.set("deleted", 1)
    valkey.start()
    clock.now += OPEN_SECONDS
    assert cache.get("tries") == [1]
    assert not cache.add("code", "used again")
    assert cache.delete("deleted")
    assert cache.add("deleted", 2)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_clearing_it_forgets_what_was_remembered_meanwhile(valkey: Valkey, clock: Clock) -> None:
    cache = cache_at(valkey.url, clock)
    valkey.stop()
    cache.set("tries", [1])
    valkey.start()
    cache.clear()
    assert cache.get("tries") is None


def test_a_second_outage_begins_with_what_is_known_from_the_first(
    valkey: Valkey, clock: Clock
) -> None:
    cache = cache_at(valkey.url, clock)
    valkey.stop()
    cache.set("tries", [1])
    valkey.start()
    clock.now += OPEN_SECONDS
    cache.set("tries", [1, 2])
    process_without_outage = SharedCache(valkey.url, {"KEY_PREFIX": cache.key_prefix})
    assert process_without_outage.get("tries") == [1, 2]
    valkey.stop()
    assert cache.get("tries") == [1, 2]
