"""What the log says of an outage of PostgreSQL: little, and what helps."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, transaction

from core import outage
from core.outage import PROBED_WITHIN_SECONDS, QUIET_SECONDS, OutageLog, Seen, look_at_database
from tests.clock import Clock
from tests.conftest import wait_for

FINE = Seen("fine", is_well=True)


def away() -> Seen:
    raise psycopg.OperationalError("connection failed:\nrefused")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "core.outage"]


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Let tests check whether an outage is over; its thread would do it once an hour."""
    monkeypatch.setattr(outage, "PROBE_EVERY_SECONDS", 3600.0)
    caplog.set_level(logging.INFO)


def test_many_refused_requests_are_one_outage(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = OutageLog(away, clock)
    threads = [
        threading.Thread(target=log.notice, args=[psycopg.OperationalError("gone\naway")])
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: len(lines(caplog)) >= 2)
    log.stop()
    assert lines(caplog) == [
        "database lost: gone away",
        "database lost; no connection then: connection failed: refused",
    ]


def test_it_is_over_when_the_database_answers_and_nobody_is_refused(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    is_away = True

    def probe() -> Seen:
        return away() if is_away else FINE

    log = OutageLog(probe, clock)
    log.notice(psycopg.OperationalError("gone"))
    clock.now += 10
    assert not log.check()  # no answer
    is_away = False
    log.notice(psycopg.OperationalError("gone"))
    assert not log.check()  # a request was refused just now
    clock.now += QUIET_SECONDS
    assert log.check()
    log.stop()
    assert lines(caplog)[-1] == "database returned after 13 s; requests answered 503 meanwhile: 2"


def test_the_next_outage_is_another(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    log = OutageLog(lambda: FINE, clock)
    for _ in range(2):
        log.notice(psycopg.OperationalError("gone"))
        clock.now += QUIET_SECONDS
        assert log.check()
    assert not log.check()
    log.stop()
    assert [line for line in lines(caplog) if "returned" in line] == [
        "database returned after 3 s; requests answered 503 meanwhile: 1"
    ] * 2


def test_a_slow_statement_in_a_database_that_is_well_holds_up_nobody_else(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [FINE, Seen("locked", is_well=False), FINE]
    log = OutageLog(lambda: answers.pop(0), clock)
    for _ in range(2):
        log.notice(psycopg.OperationalError("too late"))
        assert not log.holds_up
    wait_for(lambda: len(lines(caplog)) == 2)  # its thread has probed
    for holds_up in (True, False):
        assert not log.check()
        assert log.holds_up is holds_up
    log.stop()


def test_a_database_that_does_not_answer_holds_up_all(clock: Clock) -> None:
    log = OutageLog(away, clock)
    log.notice(psycopg.OperationalError("gone"))
    assert not log.check()
    assert log.holds_up
    log.stop()


def test_a_database_that_leaves_its_first_probe_waiting_holds_up_all(clock: Clock) -> None:
    answer = threading.Event()

    def probe() -> Seen:
        assert answer.wait(60)
        return FINE

    log = OutageLog(probe, clock)
    log.notice(psycopg.OperationalError("too late"))
    assert not log.holds_up
    clock.now += PROBED_WITHIN_SECONDS + 0.1
    assert log.holds_up
    answer.set()
    wait_for(lambda: not log.holds_up)
    log.stop()


@contextmanager
def locked() -> Iterator[int]:
    """Lock a table; yield the id of the session that does it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE accounts_plan IN ACCESS EXCLUSIVE MODE")
        yield connection.connection.info.backend_pid


def test_it_is_seen_who_blocks_whom(transactional_db: None) -> None:
    assert look_at_database().is_well
    with locked() as blocker, psycopg.connect(**outage.parameters()) as waiter:
        pid = waiter.info.backend_pid

        def wait() -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                waiter.execute("SELECT FROM accounts_plan")

        waiter.execute("SET statement_timeout = 0")
        thread = threading.Thread(target=wait)
        thread.start()
        wait_for(lambda: "waiting for a lock: 1" in look_at_database().words)
        seen, is_well = look_at_database()
        waiter.cancel_safe()
        thread.join()
    assert not is_well
    assert f"session {pid} for" in seen
    assert f"because of session {blocker} (insitechat, idle in transaction, its" in seen
