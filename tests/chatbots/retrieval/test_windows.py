import pytest

from chatbots.retrieval.windows import asks, windows


def test_windows_hold_every_sentence_once_and_are_alike() -> None:
    grouped = windows([100] * 11, most=4)
    assert [place for window in grouped for place in window] == list(range(11))
    assert {len(window) for window in grouped} <= {3, 4, 5}


@pytest.mark.parametrize(
    ("lengths", "number"), [([10], 1), ([440], 1), ([600], 1), ([300] * 20, 4), ([1200, 1], 2)]
)
def test_their_number(lengths: list[int], number: int) -> None:
    assert len(windows(lengths, most=4)) == number


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Do you ship to Norway?", True),
        ("9.1. How can I keep my system current", True),
        ("How to pay", True),
        ("My parcel is late", True),
        ("What a key is", False),
        ("Shipping", False),
    ],
)
def test_headings_that_ask(heading: str, expected: bool) -> None:
    assert asks(heading) is expected
