"""Redis gone, slow, restarting: real servers that are stopped under the limiter's hands."""

import logging
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads
from typing import Any

import pytest
import redis

from insitechat.operations.local.engines import Valkey
from ratelimit.limiter import Limiter
from ratelimit.limits import Limit
from ratelimit.recovery import GOOD_PROBES, RELAPSE_WITHIN_SECONDS
from ratelimit.redis_client import CONNECT_TIMEOUT_SECONDS, Unavailable
from ratelimit.redis_window import KEY, RedisWindow
from tests.conftest import wait_for

LIMIT = Limit(3)
# A call waits 0.1 seconds, unless the machine stalls its thread. Without that bound it would wait
# for CONNECT_TIMEOUT_SECONDS; the shortest of several waits is held against three quarters of it,
# the others only against ending.
LONGEST_WAIT_SECONDS = 0.75 * CONNECT_TIMEOUT_SECONDS
HANGING_SECONDS = 10.0
TRIES = 5


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    engine = Valkey(tmp_path / "valkey", durable=False)
    engine.start()
    yield engine
    assert engine.process is not None
    engine.process.send_signal(signal.SIGCONT)
    engine.stop()


@pytest.fixture
def limiter(valkey: Valkey) -> Iterator[Limiter]:
    """Return a limiter that waits long for a busy machine, for tests in which no server hangs."""
    limiter = Limiter(RedisWindow(valkey.url, timeout_seconds=HANGING_SECONDS))
    yield limiter
    limiter.close()


@pytest.fixture
def make_limiter() -> Iterator[Callable[[str], Limiter]]:
    """Return what makes limiters with the time-out that they have in production."""
    made: list[Limiter] = []

    def make(url: str) -> Limiter:
        made.append(Limiter(RedisWindow(url)))
        return made[-1]

    yield make
    for limiter in made:
        limiter.close()


def subject() -> str:
    return str(uuid.uuid4())


def freeze(valkey: Valkey) -> None:
    assert valkey.process is not None
    valkey.process.send_signal(signal.SIGSTOP)


def thaw(valkey: Valkey) -> None:
    assert valkey.process is not None
    valkey.process.send_signal(signal.SIGCONT)


def wait_of_a_hit(limiter: Limiter) -> float:
    start = time.monotonic()
    limiter.hit(subject(), LIMIT)
    return time.monotonic() - start


def assert_short(waits: Iterable[float]) -> None:
    waits = list(waits)
    assert min(waits) < LONGEST_WAIT_SECONDS
    assert max(waits) < HANGING_SECONDS


@pytest.mark.parametrize("fail", [Valkey.stop, freeze], ids=["gone", "frozen"])
@pytest.mark.parametrize("warm", [True, False], ids=["used before", "never used"])
def test_no_call_fails_or_waits_long(
    make_limiter: Callable[[str], Limiter],
    valkey: Valkey,
    fail: Callable[[Valkey], None],
    warm: bool,
) -> None:
    limiters = [make_limiter(valkey.url) for _ in range(TRIES)]
    for limiter in limiters if warm else ():
        limiter.prepare(connections=1)
    fail(valkey)
    assert_short(wait_of_a_hit(limiter) for limiter in limiters)
    assert_short(wait_of_a_hit(limiter) for limiter in limiters)


def test_calls_at_once_begin_one_outage(
    make_limiter: Callable[[str], Limiter], valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = make_limiter(valkey.url)
    freeze(valkey)
    with ThreadPoolExecutor(32) as pool:
        waits = list(pool.map(lambda _: wait_of_a_hit(limiter), range(32)))
    assert max(waits) < HANGING_SECONDS
    assert len(caplog.records) == 1
    assert limiter._recovery.needed == GOOD_PROBES


def test_a_host_that_cannot_be_looked_up_costs_no_more(
    make_limiter: Callable[[str], Limiter], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = Event()

    def look_up(*_: Any, **__: Any) -> None:
        tried.wait(HANGING_SECONDS)
        raise OSError("no such host")

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    limiters = [make_limiter("redis://redis.invalid:6379/0") for _ in range(TRIES)]
    assert_short(wait_of_a_hit(limiter) for limiter in limiters)
    tried.set()


def test_the_process_holds_the_limit_by_itself_meanwhile(limiter: Limiter, valkey: Valkey) -> None:
    valkey.stop()
    mine = subject()
    assert [limiter.hit(mine, LIMIT).allowed for _ in range(5)] == [True] * 3 + [False] * 2


def test_it_says_so_once_and_returns_by_itself(
    limiter: Limiter, valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ratelimit")
    valkey.stop()
    for _ in range(10):
        limiter.hit(subject(), LIMIT)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    valkey.start()
    wait_for(lambda: len(caplog.records) == 2)
    assert caplog.records[1].levelname == "INFO"
    mine = subject()
    limiter.hit(mine, LIMIT)
    assert calls_in_redis(valkey, mine) == 1


def test_a_frozen_server_that_thaws_decides_again(
    make_limiter: Callable[[str], Limiter], valkey: Valkey
) -> None:
    limiter = make_limiter(valkey.url)
    freeze(valkey)
    limiter.hit(subject(), LIMIT)
    assert limiter._is_outage
    thaw(valkey)

    def decides() -> bool:
        mine = subject()
        limiter.hit(mine, LIMIT)
        return calls_in_redis(valkey, mine) > 0

    wait_for(decides)


def test_a_connection_that_broke_while_idle_is_replaced_within_the_call(
    limiter: Limiter, valkey: Valkey
) -> None:
    limiter.prepare(connections=2)
    valkey.stop()
    valkey.start()
    mine = subject()
    limiter.hit(mine, LIMIT)
    assert calls_in_redis(valkey, mine) == 1


def test_what_the_address_says_of_time_outs_does_not_count(
    make_limiter: Callable[[str], Limiter], valkey: Valkey
) -> None:
    limiter = make_limiter(f"{valkey.url}?socket_timeout={2 * HANGING_SECONDS}")
    limiter.prepare(connections=1)
    freeze(valkey)
    assert wait_of_a_hit(limiter) < HANGING_SECONDS


def test_idle_connections_end_with_the_first_that_fails_and_come_back(
    make_limiter: Callable[[str], Limiter], valkey: Valkey
) -> None:
    limiter = make_limiter(valkey.url)
    limiter.prepare(connections=8)
    freeze(valkey)
    limiter.hit(subject(), LIMIT)
    assert limiter._is_outage
    assert not limiter._shared.client._idle  # else each probe would wait for another one
    thaw(valkey)
    wait_for(lambda: not limiter._is_outage)
    assert len(limiter._shared.client._idle) == 8


def calls_in_redis(valkey: Valkey, subject: str) -> int:
    with redis.Redis(unix_socket_path=str(valkey.socket)) as client:
        return int(client.zcard(KEY % subject))


def make_read_only(valkey: Valkey) -> None:
    with redis.Redis(unix_socket_path=str(valkey.socket)) as client:
        client.replicaof("127.0.0.1", "1")  # a standby whose master is gone


def test_an_engine_that_answers_but_refuses_does_not_lift_the_limit(
    limiter: Limiter,
    valkey: Valkey,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "ratelimit")
    probed = []
    answers = limiter.redis_answers

    def note() -> bool:
        probed.append(answers())
        return probed[-1]

    monkeypatch.setattr(limiter, "redis_answers", note)
    make_read_only(valkey)
    mine = subject()
    allowed = 0

    def call_until_probed() -> bool:
        nonlocal allowed
        allowed += limiter.hit(mine, LIMIT).allowed
        return len(probed) >= 4

    wait_for(call_until_probed)
    assert allowed == LIMIT.requests
    assert not any(probed)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_relapse_goes_on_counting_and_takes_longer_to_return(valkey: Valkey) -> None:
    now = 1000.0
    limiter = Limiter(RedisWindow(valkey.url), clock=lambda: now)
    mine = subject()
    needed = []
    for pause in (0, 0, RELAPSE_WITHIN_SECONDS):
        now += pause
        freeze(valkey)
        limiter.hit(subject(), LIMIT)
        limiter.hit(mine, Limit(2))
        needed.append(limiter._recovery.needed)
        thaw(valkey)
        wait_for(lambda: not limiter._is_outage)
    assert needed == [2, 4, 2]
    freeze(valkey)
    limiter.hit(subject(), LIMIT)
    assert [limiter.hit(mine, Limit(2)).allowed for _ in range(2)] == [True, False]
    limiter.close()


def test_a_window_is_carried_into_an_outage_and_out_of_it(limiter: Limiter, valkey: Valkey) -> None:
    mine = subject()
    limiter.hit(mine, LIMIT)
    valkey.stop()
    assert [limiter.hit(mine, LIMIT).allowed for _ in range(3)] == [True, True, False]
    valkey.start()
    wait_for(lambda: not limiter._is_outage)
    assert calls_in_redis(valkey, mine) == 0
    assert not limiter.hit(mine, LIMIT).allowed
    assert limiter.peek(mine, LIMIT).remaining == 0
    assert calls_in_redis(valkey, mine) == 0


def test_only_good_probes_in_a_row_bring_it_back(
    limiter: Limiter, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, valkey_runs = [False, True, False, True, True, True], Event()
    monkeypatch.setattr(limiter, "redis_answers", lambda: valkey_runs.is_set() and answers.pop(0))
    valkey.stop()
    limiter.hit(subject(), LIMIT)
    valkey.start()
    valkey_runs.set()
    wait_for(lambda: not limiter._is_outage)
    assert answers == [True]


def test_a_closed_limiter_says_nothing_of_redis(
    valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ratelimit")
    limiter = Limiter(RedisWindow(valkey.url))
    valkey.stop()
    limiter.hit(subject(), LIMIT)
    limiter.close()
    wait_for(lambda: "ratelimit-probe" not in {thread.name for thread in enumerate_threads()})
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_what_is_asked_of_a_closed_client_is_unavailable(valkey: Valkey) -> None:
    window = RedisWindow(valkey.url)
    window.close()
    with pytest.raises(Unavailable, match="closed"):
        window.probe()


def test_a_window_is_looked_at_where_calls_are_counted(limiter: Limiter, valkey: Valkey) -> None:
    mine = subject()
    limiter.hit(mine, LIMIT)
    assert limiter.peek(mine, LIMIT).is_shared
    valkey.stop()
    looked_at = limiter.peek(mine, LIMIT)
    assert (looked_at.is_shared, looked_at.remaining) == (False, 2)
    limiter.hit(mine, LIMIT)
    assert limiter.peek(mine, LIMIT).remaining == 1


def test_looking_at_a_window_begins_no_outage(limiter: Limiter, valkey: Valkey) -> None:
    valkey.stop()
    limiter.peek(subject(), LIMIT)
    assert not limiter._is_outage


def test_during_an_outage_redis_is_not_asked(
    limiter: Limiter, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ratelimit.limiter.PROBE_EVERY_SECONDS", 3600)
    mine = subject()
    limiter.hit(mine, LIMIT)
    valkey.stop()
    limiter.hit(subject(), LIMIT)
    valkey.start()
    assert not limiter.peek(mine, LIMIT).is_shared
    limiter.hit(mine, LIMIT)
    assert calls_in_redis(valkey, mine) == 0
