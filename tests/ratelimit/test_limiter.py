"""The limiter with Redis at hand: what it asks, and what it knows without asking."""

from collections.abc import Iterator

import pytest
import redis

from insitechat.operations.local.engines import Valkey
from ratelimit.limiter import Limiter
from ratelimit.limits import Limit
from ratelimit.redis_window import RedisWindow
from tests.clock import Clock

LIMIT = Limit(3)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    engine = Valkey(tmp_path_factory.mktemp("limiter") / "valkey", durable=False)
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def observer(valkey: Valkey) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def limiter(valkey: Valkey, clock: Clock) -> Iterator[Limiter]:
    limiter = Limiter(RedisWindow(valkey.url, timeout_seconds=5.0), clock=clock)
    limiter.prepare(connections=1)
    yield limiter
    limiter.close()


def round_trips(observer: redis.Redis) -> int:
    return int(observer.info("stats")["total_reads_processed"])


def test_a_decision_takes_one_round_trip(limiter: Limiter, observer: redis.Redis) -> None:
    before = round_trips(observer)
    limiter.hit("a", LIMIT)
    limiter.hit("a", LIMIT)
    assert round_trips(observer) - before == 2 + 1  # and the observer's own question


def test_many_windows_are_counted_by_one_round_trip(
    limiter: Limiter, observer: redis.Redis
) -> None:
    for subject in ("a", "b", "b"):
        limiter.hit(subject, LIMIT)
    before = round_trips(observer)
    assert limiter.counts([(subject, LIMIT) for subject in "abc"]) == [1, 2, 0]
    assert limiter.counts([]) == []
    assert round_trips(observer) - before == 1 + 1  # and the observer's own question


def test_as_many_connections_are_idle_as_were_asked_for(
    limiter: Limiter, observer: redis.Redis
) -> None:
    others = len(observer.client_list()) - 1
    for count in (3, 3, 5):
        limiter.prepare(connections=count)
        assert len(observer.client_list()) - others == count


def test_an_engine_that_may_load_no_script_decides(valkey: Valkey, observer: redis.Redis) -> None:
    observer.acl_setuser(
        "plain", enabled=True, nopass=True, keys="*", commands=["+@all", "-script"]
    )
    observer.script_flush()
    url = valkey.url.replace("unix://", "unix://plain:x@")
    limiter = Limiter(RedisWindow(url, timeout_seconds=5.0))
    limiter.prepare(connections=1)
    limiter.hit("a", LIMIT)
    assert observer.zcard("ratelimit:{a}") == 1
    limiter.close()


def test_a_full_window_is_known_to_stay_full(limiter: Limiter, observer: redis.Redis) -> None:
    for _ in range(LIMIT.requests + 1):
        decision = limiter.hit("a", LIMIT)
    before = round_trips(observer)
    again = limiter.hit("a", LIMIT)
    assert round_trips(observer) - before == 1
    assert (again.allowed, again.remaining) == (False, 0)
    assert again.reset_seconds == decision.reset_seconds == 60


def test_what_is_left_to_wait_is_told_from_memory(limiter: Limiter, clock: Clock) -> None:
    for _ in range(LIMIT.requests + 1):
        limiter.hit("a", LIMIT)
    clock.now += 42.5
    assert limiter.hit("a", LIMIT).reset_seconds == 18


def test_when_the_oldest_call_has_left_redis_decides_again(
    limiter: Limiter, clock: Clock, observer: redis.Redis
) -> None:
    for _ in range(LIMIT.requests + 1):
        limiter.hit("a", LIMIT)
    observer.flushall()  # as if the time had passed there too
    clock.now += 59.9
    assert not limiter.hit("a", LIMIT).allowed
    clock.now += 0.1
    assert limiter.hit("a", LIMIT).allowed


def test_another_limit_is_decided_at_once(limiter: Limiter) -> None:
    for _ in range(LIMIT.requests + 1):
        limiter.hit("a", LIMIT)
    assert limiter.hit("a", Limit(4)).allowed


def test_memory_of_refusals_is_bounded(
    limiter: Limiter, observer: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ratelimit.refusals.MAX_SUBJECTS", 2)
    for subject in ("a", "b", "c"):
        limiter.hit(subject, Limit(1))
        limiter.hit(subject, Limit(1))
    before = round_trips(observer)
    limiter.hit("a", Limit(1))
    limiter.hit("c", Limit(1))
    assert round_trips(observer) - before == 1 + 1  # only the forgotten one was asked for
