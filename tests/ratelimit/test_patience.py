"""How long a wait goes on, on a clock that the tests hold."""

import pytest

from ratelimit.patience import LATENESS_MAX_SECONDS, SLICES, Patience
from tests.clock import Clock

TIMEOUT_SECONDS = 1.0


def wait(late_seconds: float, late_slices: int = 10_000) -> float:
    """Wait in vain, the first slices late by so much; return how long it took."""
    clock = Clock()
    patience = Patience(TIMEOUT_SECONDS, clock)
    while True:
        clock.now += patience.slice_seconds + (late_seconds if late_slices > 0 else 0)
        late_slices -= 1
        if patience.is_over():
            return clock.now - 1000.0


def test_in_time_it_is_the_time_out() -> None:
    assert wait(0) == pytest.approx(TIMEOUT_SECONDS)


def test_a_late_slice_does_not_count() -> None:
    assert wait(0.2, late_slices=1) == pytest.approx(
        TIMEOUT_SECONDS + 0.2 + TIMEOUT_SECONDS / SLICES
    )


@pytest.mark.parametrize("late_seconds", [0.1, 0.5])
def test_lateness_is_bounded(late_seconds: float) -> None:
    slice_seconds = TIMEOUT_SECONDS / SLICES + late_seconds
    assert wait(late_seconds) <= LATENESS_MAX_SECONDS + (SLICES + 1) * slice_seconds
