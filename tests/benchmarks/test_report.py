import pytest

from benchmarks.report import Target, spread
from benchmarks.rounds import Result, Round, Spread, ratio


def test_spread_holds_the_median_and_the_extremes() -> None:
    assert Spread.of([9, 1, 5]) == Spread(5, 1, 9)
    assert Spread.of([4, 2]) == Spread(3, 2, 4)


def test_drift_between_rounds_cancels_out_of_a_ratio() -> None:
    assert ratio([200, 100, 400], [100, 50, 200]) == Spread(2, 2, 2)


def test_ratio_needs_both_figures_in_every_round() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1, 2], [1])


def test_result_summarises_its_rounds() -> None:
    result = Result([Round(100, 1, 10, 5), Round(300, 3, 30, 7)], statements=2, round_trips=1)
    assert result.per_second == Spread(200, 100, 300)
    assert result.p50 == Spread(2, 1, 3)
    assert result.p99 == Spread(20, 10, 30)
    assert result.cpu == Spread(6, 5, 7)


@pytest.mark.parametrize(
    ("median", "at_least", "is_met"),
    [(1.25, True, True), (1.24, True, False), (1.25, False, True), (1.26, False, False)],
)
def test_target_is_judged_by_the_median(median: float, at_least: bool, is_met: bool) -> None:
    target = Target("x", Spread(median, 0, 9), 1.25, at_least=at_least)
    assert target.is_met is is_met
    assert str(target).endswith("met" if is_met else "MISSED")


def test_spread_is_formatted_in_the_given_unit() -> None:
    assert spread(Spread(1500, 1000, 2000), 1, 1000) == "1.5 (1.0 to 2.0)"
