"""A process remembers whose the latest sessions are."""

import uuid

from core.known_sessions import KnownSessions

ACCOUNT, OTHER = uuid.uuid4(), uuid.uuid4()


def test_the_latest_sessions_are_known() -> None:
    known = KnownSessions(2)
    for cookie, account_id in (("one", ACCOUNT), ("two", ACCOUNT), ("three", OTHER)):
        known.learn(cookie, account_id)
    assert [known.account_of(cookie) for cookie in ("one", "two", "three")] == [
        None,
        ACCOUNT,
        OTHER,
    ]
