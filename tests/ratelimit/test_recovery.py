"""How many good probes end an outage, on a clock that the tests hold."""

import pytest

from ratelimit.recovery import GOOD_PROBES_MAX, RELAPSE_WITHIN_SECONDS, Recovery
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)  # a monotonic clock may start anywhere


@pytest.fixture
def recovery(clock: Clock) -> Recovery:
    return Recovery(clock)


def probes_needed(recovery: Recovery) -> int:
    """Go through an outage; return how many good probes ended it."""
    recovery.begin()
    probes = 1
    while not recovery.add(is_good=True):
        probes += 1
    recovery.end()
    return probes


def test_two_good_probes_end_the_first_outage(recovery: Recovery) -> None:
    assert probes_needed(recovery) == 2


def test_a_bad_probe_begins_the_count_anew(recovery: Recovery) -> None:
    recovery.begin()
    probes = [True, False, True, True]
    assert [recovery.add(is_good=probe) for probe in probes] == [False, False, False, True]


def test_each_relapse_takes_twice_as_many_up_to_a_bound(recovery: Recovery, clock: Clock) -> None:
    needed = []
    for _ in range(9):
        needed.append(probes_needed(recovery))
        clock.now += RELAPSE_WITHIN_SECONDS - 0.001
    assert needed == [2, 4, 8, 16, 32, 64, 128, 128, 128]
    assert max(needed) == GOOD_PROBES_MAX


def test_after_a_quiet_while_two_are_enough_again(recovery: Recovery, clock: Clock) -> None:
    for _ in range(3):
        probes_needed(recovery)
    clock.now += RELAPSE_WITHIN_SECONDS
    assert probes_needed(recovery) == 2


def test_it_is_a_relapse_by_the_time_since_the_end(recovery: Recovery, clock: Clock) -> None:
    recovery.begin()
    clock.now += 10 * RELAPSE_WITHIN_SECONDS  # a long outage
    recovery.end()
    clock.now += 1
    assert probes_needed(recovery) == 4


def test_good_probes_of_an_outage_do_not_count_in_the_next(recovery: Recovery) -> None:
    probes_needed(recovery)
    recovery.begin()
    assert [recovery.add(is_good=True) for _ in range(4)] == [False, False, False, True]
