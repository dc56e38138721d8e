"""What a local window shows and forgets, on a clock that the tests hold."""

import pytest

from ratelimit.limits import Limit
from ratelimit.local_window import SWEEP_EVERY_HITS, LocalWindow

SECOND = 1_000_000
MINUTE = 60 * SECOND
LIMIT = Limit(3)


class Clock:
    now = 1_795_411_751_430_812

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def window(clock: Clock) -> LocalWindow:
    return LocalWindow(clock)


def hit_until_swept(window: LocalWindow, subject: str, limit: Limit = LIMIT) -> None:
    for _ in range(SWEEP_EVERY_HITS):
        window.hit(subject, limit)


def test_a_view_says_when_each_call_leaves(window: LocalWindow, clock: Clock) -> None:
    window.hit("a", LIMIT)
    clock.now += SECOND
    window.hit("a", LIMIT)
    window.hit("a", LIMIT)
    state = window.peek("a", LIMIT)
    assert state.leaves_in_microseconds == (MINUTE - SECOND, MINUTE, MINUTE)
    assert (state.limit, state.is_shared) == (LIMIT, False)


def test_a_call_is_in_view_until_it_leaves(window: LocalWindow, clock: Clock) -> None:
    window.hit("a", LIMIT)
    clock.now += MINUTE - 1
    assert window.peek("a", LIMIT).leaves_in_microseconds == (1,)
    clock.now += 1
    assert window.peek("a", LIMIT).leaves_in_microseconds == ()


def test_a_view_is_of_one_subject(window: LocalWindow) -> None:
    window.hit("a", LIMIT)
    assert window.peek("b", LIMIT).leaves_in_microseconds == ()


def test_looking_counts_and_keeps_nothing(window: LocalWindow) -> None:
    window.hit("a", LIMIT)
    for subject in ("a", "b"):
        window.peek(subject, LIMIT)
    assert window.hit("a", LIMIT).remaining == 1
    assert len(window) == 1


def test_empty_windows_are_dropped_in_passing(window: LocalWindow, clock: Clock) -> None:
    for subject in ("left", "leaving"):
        window.hit(subject, LIMIT)
        clock.now += 1
    clock.now += MINUTE - 2  # "left" has left, "leaving" leaves a microsecond later
    hit_until_swept(window, "active")
    assert len(window) == 2
    assert window.hit("leaving", LIMIT).remaining == 1


def test_a_window_is_dropped_once_its_latest_call_has_left(
    window: LocalWindow, clock: Clock
) -> None:
    window.hit("a", LIMIT)
    clock.now += MINUTE - 1
    window.hit("a", LIMIT)
    clock.now += MINUTE - 1
    hit_until_swept(window, "active")
    assert window.hit("a", LIMIT).remaining == 1


def test_a_subject_that_may_not_call_at_all_is_dropped_too(window: LocalWindow) -> None:
    assert not window.hit("never", Limit(0)).allowed
    hit_until_swept(window, "active")
    assert len(window) == 1


def test_between_sweeps_nothing_is_dropped(window: LocalWindow, clock: Clock) -> None:
    window.hit("a", LIMIT)
    clock.now += MINUTE
    for _ in range(SWEEP_EVERY_HITS - 2):
        window.hit("active", LIMIT)
    assert len(window) == 2
    window.hit("active", LIMIT)
    assert len(window) == 1
