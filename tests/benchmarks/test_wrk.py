import pytest

from benchmarks.wrk import BenchmarkFailed, Load, check, parse

OUTPUT = """\
Running 2s test @ http://127.0.0.1:8000/api/v1/chatbots
  1 threads and 8 connections
  1810 requests in 2.00s, 1.21MB read
Requests/sec:    905.00
RESULT requests=1810 microseconds=2000000 bytes=1268772 p50=8300 p99=18800 refused=0 broken=0 \
timeouts=0
"""
GOOD = Load(1810, 2_000_000, 1_268_772, 8300, 18_800, refused=0, broken=0, timeouts=0)


def with_changes(**changes: int) -> Load:
    return Load(**{name: changes.get(name, getattr(GOOD, name)) for name in Load.__slots__})


def test_result_line_is_parsed() -> None:
    assert parse(OUTPUT) == GOOD
    assert GOOD.per_second == 905


def test_output_without_a_result_is_quoted_in_the_error() -> None:
    with pytest.raises(BenchmarkFailed, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_expected_answers_pass() -> None:
    check(GOOD, refused=False)
    check(with_changes(refused=1810), refused=True)


@pytest.mark.parametrize(
    "load",
    [
        with_changes(refused=1),
        with_changes(broken=1),
        with_changes(timeouts=1),
        with_changes(requests=0),
    ],
    ids=["one refused", "one broken", "one timeout", "no answer at all"],
)
def test_unexpected_answers_fail(load: Load) -> None:
    with pytest.raises(BenchmarkFailed):
        check(load, refused=False)


def test_accepted_call_among_refusals_fails() -> None:
    with pytest.raises(BenchmarkFailed):
        check(with_changes(refused=1809), refused=True)
