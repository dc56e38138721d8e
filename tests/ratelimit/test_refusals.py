"""How long a refusal is remembered, on a clock that the test holds."""

from ratelimit.limits import Decision, Limit
from ratelimit.refusals import Refusals

LIMIT = Limit(3)


def test_a_refusal_is_known_until_the_oldest_call_leaves() -> None:
    now = 1000.0
    refusals = Refusals(lambda: now)
    refusals.add("a", Decision(LIMIT, False, 0, 5_000_000), asked_at=999.0)
    assert refusals.find("a", LIMIT) == Decision(LIMIT, False, 0, 4_000_000)
    now = 1003.5
    assert refusals.find("a", LIMIT) == Decision(LIMIT, False, 0, 500_000)
    now = 1004.0
    assert refusals.find("a", LIMIT) is None
