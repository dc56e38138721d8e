"""Both windows against a model of a few lines, on clocks that the tests hold."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis.connection import AbstractConnection

from ratelimit.limits import Decision, Limit
from ratelimit.local_window import LocalWindow
from ratelimit.redis_window import KEY, RedisWindow

SECOND = 1_000_000
START = 1_795_411_751_430_812  # sixteen digits, as a real time in microseconds has
Hit = Callable[[int, Limit], Decision]


class Model:
    """A call counts for the half-open time from its own until a window later."""

    def __init__(self) -> None:
        self.counted: list[int] = []

    def hit(self, now: int, limit: Limit) -> Decision:
        window = limit.window_seconds * SECOND
        live = [time for time in self.counted if time <= now < time + window]
        allowed = len(live) < limit.requests
        live += [now] * allowed
        self.counted = live
        left = max(limit.requests - len(live), 0)
        return Decision(limit, allowed, left, live[0] + window - now)


@pytest.fixture(scope="module")
def redis_window() -> Iterator[RedisWindow]:
    window = RedisWindow(settings.REDIS_URL, timeout_seconds=5.0)
    yield window
    window.close()


@pytest.fixture(params=["local", "redis"], scope="module")
def fresh(request: pytest.FixtureRequest, redis_window: RedisWindow) -> Callable[[], Hit]:
    """Return what makes windows that nobody has called yet."""

    def local() -> Hit:
        time = itertools.repeat(0)
        window = LocalWindow(lambda: next(time))

        def hit(now: int, limit: Limit) -> Decision:
            nonlocal time
            time = itertools.repeat(now)
            return window.hit("subject", limit)

        return hit

    def shared() -> Hit:
        subject = str(uuid.uuid4())
        return lambda now, limit: redis_window.hit(subject, limit, now_microseconds=now)

    return {"local": local, "redis": shared}[request.param]


@given(
    steps=st.lists(
        st.one_of(
            st.just(0),
            st.integers(0, 3),
            st.integers(0, 25 * SECOND),
            st.sampled_from([5 * SECOND - 1, 5 * SECOND, 5 * SECOND + 1]),
        ),
        max_size=60,
    ),
    requests=st.integers(1, 6),
)
@hypothesis_settings(deadline=None)
def test_decides_as_the_model_does(
    fresh: Callable[[], Hit], steps: list[int], requests: int
) -> None:
    limit = Limit(requests, window_seconds=5)
    hit, model = fresh(), Model()
    for now in itertools.accumulate(steps, initial=START):
        assert hit(now, limit) == model.hit(now, limit)


@given(offsets=st.lists(st.integers(0, 20 * SECOND), max_size=80))
@hypothesis_settings(deadline=None)
def test_no_half_open_window_ever_holds_more_than_the_limit(
    fresh: Callable[[], Hit], offsets: list[int]
) -> None:
    limit = Limit(4, window_seconds=5)
    hit = fresh()
    allowed = [now for now in sorted(offsets) if hit(START + now, limit).allowed]
    for first in allowed:
        assert sum(first <= time < first + 5 * SECOND for time in allowed) <= 4


def test_the_edge_belongs_to_the_next_window(fresh: Callable[[], Hit]) -> None:
    hit, limit = fresh(), Limit(1)
    assert hit(START, limit).allowed
    assert not hit(START + 60 * SECOND - 1, limit).allowed
    assert hit(START + 60 * SECOND, limit).allowed


def test_calls_in_one_tick_are_counted_each(fresh: Callable[[], Hit]) -> None:
    hit, limit = fresh(), Limit(60)
    assert sum(hit(START, limit).allowed for _ in range(200)) == 60


def test_refused_calls_take_no_place(fresh: Callable[[], Hit]) -> None:
    hit, limit = fresh(), Limit(2)
    assert [hit(START + second * SECOND, limit).allowed for second in (0, 1, 2, 30, 59)] == [
        *(True, True),
        *(False, False, False),
    ]
    assert hit(START + 60 * SECOND, limit).allowed
    assert not hit(START + 60 * SECOND, limit).allowed


def test_a_decision_carries_what_is_left_and_when_room_comes(fresh: Callable[[], Hit]) -> None:
    hit, limit = fresh(), Limit(2)
    first = hit(START, limit)
    assert (first.remaining, first.reset_seconds) == (1, 60)
    second = hit(START + 1, limit)
    assert (second.remaining, second.reset_microseconds) == (0, 60 * SECOND - 1)
    refused = hit(START + 20 * SECOND, limit)
    assert (refused.allowed, refused.remaining, refused.reset_seconds) == (False, 0, 40)


@pytest.mark.parametrize(
    ("microseconds", "seconds"), [(1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2)]
)
def test_seconds_are_rounded_up(microseconds: int, seconds: int) -> None:
    assert (
        Decision(
            Limit(1), allowed=False, remaining=0, reset_microseconds=microseconds
        ).reset_seconds
        == seconds
    )


def test_a_limit_that_was_lowered_counts_what_was_there(fresh: Callable[[], Hit]) -> None:
    hit = fresh()
    for _ in range(5):
        assert hit(START, Limit(5)).allowed
    lowered = hit(START + SECOND, Limit(2))
    assert (lowered.allowed, lowered.remaining) == (False, 0)


def test_subjects_do_not_share_a_window() -> None:
    window = LocalWindow(lambda: START)
    assert window.hit("one", Limit(1)).allowed
    assert window.hit("two", Limit(1)).allowed


class TestInRedis:
    def test_a_full_window_is_small_and_expires(self, redis_window: RedisWindow) -> None:
        subject = str(uuid.uuid4())
        for _ in range(70):
            redis_window.hit(subject, Limit(60))
        key = KEY % subject
        assert redis_window.client.ask("ZCARD", key) == 60
        assert redis_window.client.ask("OBJECT", "ENCODING", key) == b"listpack"
        # A time of 16 digits takes ten bytes in a listpack, and each call has two, its member and
        # its score. The engine's allocator and the key's own entry at most double that.
        assert redis_window.client.ask("MEMORY", "USAGE", key) <= 2 * 60 * 2 * 10
        assert 0 < redis_window.client.ask("PTTL", key) <= 60_000

    def test_a_view_says_when_each_call_leaves_and_leaves_out_those_that_have(
        self, redis_window: RedisWindow
    ) -> None:
        subject, limit = str(uuid.uuid4()), Limit(60)
        seconds, microseconds = map(int, redis_window.client.ask("TIME"))
        now = seconds * SECOND + microseconds
        for ago in (61, 30, 0):
            member = now - ago * SECOND
            redis_window.client.ask("ZADD", KEY % subject, member, member)
        state = redis_window.peek(subject, limit)
        assert state.is_shared
        first, second = state.leaves_in_microseconds
        assert 0 < first <= 30 * SECOND
        assert second - first == 30 * SECOND
        assert redis_window.client.ask("ZCARD", KEY % subject) == 3

    def test_a_forgotten_script_is_loaded_again(self, redis_window: RedisWindow) -> None:
        subject = str(uuid.uuid4())
        redis_window.hit(subject, Limit(2))
        redis_window.client.ask("SCRIPT", "FLUSH")
        assert redis_window.hit(subject, Limit(2)).remaining == 0

    def test_the_key_is_hash_tagged(self) -> None:
        assert KEY % "subject" == "ratelimit:{subject}"

    def test_a_hit_is_one_round_trip(
        self, redis_window: RedisWindow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        subject = str(uuid.uuid4())
        redis_window.hit(subject, Limit(60))
        sent: list[Any] = []
        send = AbstractConnection.send_packed_command

        def note(self: AbstractConnection, command: Any, check_health: bool = True) -> Any:
            sent.append(command)
            return send(self, command, check_health)  # type: ignore[no-untyped-call]

        monkeypatch.setattr(AbstractConnection, "send_packed_command", note)
        redis_window.hit(subject, Limit(60))
        assert len(sent) == 1
        assert b"".join(sent[0]).startswith(b"*6\r\n$7\r\nEVALSHA")
