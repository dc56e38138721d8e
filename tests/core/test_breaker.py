"""The circuit breaker on a clock that the tests hold."""

import pytest

from core.breaker import CircuitBreaker
from tests.clock import Clock

OPEN_SECONDS = 10.0


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(OPEN_SECONDS, clock)


def test_closed_it_lets_everybody_call(breaker: CircuitBreaker) -> None:
    assert all(breaker.allows_call() for _ in range(3))


def test_a_failure_opens_it_at_once(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.report_failure()
    assert not breaker.allows_call()
    clock.now += OPEN_SECONDS - 0.001
    assert not breaker.allows_call()


def test_then_one_caller_at_a_time_tries(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.report_failure()
    for _ in range(2):
        clock.now += OPEN_SECONDS
        assert [breaker.allows_call() for _ in range(3)] == [True, False, False]


def test_a_failed_trial_keeps_it_open_from_its_end(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.report_failure()
    clock.now += OPEN_SECONDS
    assert breaker.allows_call()
    clock.now += 1
    breaker.report_failure()
    clock.now += OPEN_SECONDS - 0.001
    assert not breaker.allows_call()
    clock.now += 0.001
    assert breaker.allows_call()


def test_a_successful_trial_closes_it(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.report_failure()
    clock.now += OPEN_SECONDS
    assert breaker.allows_call()
    breaker.report_success()
    assert all(breaker.allows_call() for _ in range(3))


def test_reports_say_whether_they_changed_it(breaker: CircuitBreaker) -> None:
    assert [breaker.report_success(), breaker.report_failure(), breaker.report_failure()] == [
        *(False, True, False)
    ]
    assert [breaker.report_success(), breaker.report_success()] == [True, False]
