"""Redis gone, slow, restarting: real servers that are stopped under the limiter's hands."""

import logging
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from insitechat.local.engines import Valkey
from ratelimit.limiter import Limiter
from ratelimit.limits import Limit
from ratelimit.redis_window import RedisWindow
from tests.conftest import wait_for

LIMIT = Limit(3)
# The promise is 100 ms; the machine that tests may itself stall a thread for a while.
LONGEST_WAIT_SECONDS = 0.1
STALL_SECONDS = 0.15


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
    limiter = Limiter(RedisWindow(valkey.url))
    yield limiter
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


@pytest.mark.parametrize("fail", [Valkey.stop, freeze], ids=["gone", "frozen"])
@pytest.mark.parametrize("warm", [True, False], ids=["used before", "never used"])
def test_no_call_fails_or_waits_long(
    limiter: Limiter, valkey: Valkey, fail: Callable[[Valkey], None], warm: bool
) -> None:
    if warm:
        limiter.hit(subject(), LIMIT)
    fail(valkey)
    waits = [wait_of_a_hit(limiter) for _ in range(20)]
    assert max(waits) < LONGEST_WAIT_SECONDS + STALL_SECONDS
    assert sum(waits[1:]) < LONGEST_WAIT_SECONDS  # only the first had to find out


def test_calls_at_once_wait_no_longer_than_one(limiter: Limiter, valkey: Valkey) -> None:
    freeze(valkey)
    with ThreadPoolExecutor(32) as pool:
        waits = list(pool.map(lambda _: wait_of_a_hit(limiter), range(32)))
    assert max(waits) < LONGEST_WAIT_SECONDS + STALL_SECONDS


def test_a_host_that_cannot_be_looked_up_costs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: time.sleep(5))
    limiter = Limiter(RedisWindow("redis://redis.invalid:6379/0"))
    assert wait_of_a_hit(limiter) < LONGEST_WAIT_SECONDS + STALL_SECONDS
    limiter.close()


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
    # What is counted now is counted in Redis: another process's limiter sees it.
    other, mine = Limiter(RedisWindow(valkey.url)), subject()
    limiter.hit(mine, LIMIT)
    assert other.hit(mine, LIMIT).remaining == 1
    other.close()


def test_a_frozen_server_that_thaws_decides_again(limiter: Limiter, valkey: Valkey) -> None:
    mine = subject()
    limiter.hit(mine, LIMIT)
    freeze(valkey)
    limiter.hit(subject(), LIMIT)
    thaw(valkey)
    wait_for(lambda: limiter.hit(mine, LIMIT).allowed is False)


def test_after_a_restart_between_two_calls_it_goes_on(limiter: Limiter, valkey: Valkey) -> None:
    limiter.hit(subject(), LIMIT)
    valkey.stop()
    valkey.start()
    assert wait_of_a_hit(limiter) < LONGEST_WAIT_SECONDS + STALL_SECONDS
    other, mine = Limiter(RedisWindow(valkey.url)), subject()
    wait_for(lambda: limiter.hit(mine, LIMIT).allowed and not other.hit(mine, Limit(1)).allowed)
    other.close()


def test_what_the_address_says_of_time_outs_does_not_count(valkey: Valkey) -> None:
    limiter = Limiter(RedisWindow(f"{valkey.url}?socket_timeout=5"))
    limiter.hit(subject(), LIMIT)
    freeze(valkey)
    assert wait_of_a_hit(limiter) < LONGEST_WAIT_SECONDS + STALL_SECONDS
    limiter.close()


def test_connections_that_lie_ready_end_with_the_first_that_fails(
    limiter: Limiter, valkey: Valkey
) -> None:
    limiter.prepare(connections=8)
    freeze(valkey)
    limiter.hit(subject(), LIMIT)
    assert limiter._alone
    assert not limiter._shared._ready  # else each probe would wait for another one
    thaw(valkey)
    wait_for(lambda: not limiter._alone)
    assert len(limiter._shared._ready) >= 1


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


def test_a_relapse_goes_on_counting_and_takes_longer_to_return(
    limiter: Limiter, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = subject()
    needed = []
    for _ in range(3):
        freeze(valkey)
        limiter.hit(subject(), LIMIT)
        limiter.hit(mine, Limit(2))
        needed.append(limiter._good_probes)
        thaw(valkey)
        wait_for(lambda: not limiter._alone)
    assert needed == [2, 4, 8]
    freeze(valkey)
    limiter.hit(subject(), LIMIT)
    assert not limiter.hit(mine, Limit(2)).allowed
