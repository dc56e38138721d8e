"""The life of a connection: checked out by a query, given back by the unit of work."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

import psycopg_pool
import pytest
from django.core.signals import request_finished
from django.db import Error, OperationalError, connection, connections, transaction
from django.db.backends.signals import connection_created
from django.http import HttpRequest, StreamingHttpResponse
from django.test import RequestFactory

from core import db
from core.postgresql.base import DatabaseWrapper
from core.statements import Statement
from tests.conftest import wait_for
from tests.pool import Pool

BACKEND = Statement("test_backend", "SELECT pg_backend_pid(), $1::bytea")
SLEEP = Statement("test_sleep", "SELECT pg_sleep(60), $1::bytea")


@pytest.fixture
def one(make_pool: Callable[..., Pool]) -> Pool:
    """Return a pool of one connection: whoever queries it shows that nobody else has it."""
    return make_pool(1)


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def is_held() -> bool:
    return connections["default"].connection is not None


def terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10_000)", [pid])
        assert cursor.fetchone() == (True,)


def test_a_connection_is_checked_out_by_the_first_query(one: Pool) -> None:
    def work() -> None:
        assert not is_held()
        backend()
        assert is_held()

    one.in_thread(work)
    assert one.stats()["pool_available"] == 1


def test_the_next_unit_of_work_takes_the_same_connection(one: Pool) -> None:
    assert len({one.in_thread(backend) for _ in range(5)}) == 1
    assert one.stats()["connections_num"] == 1


def test_a_thread_sets_its_connection_up_only_once(one: Pool) -> None:
    def work() -> None:
        set_up: list[Any] = []

        def note(**options: Any) -> None:
            set_up.append(options["connection"])

        connection_created.connect(note)
        for _ in range(3):
            with db.unit_of_work():
                backend()
        assert len(set_up) == 1

    one.in_thread(work)


def test_a_failure_gives_the_connection_back_too(one: Pool) -> None:
    def fail() -> None:
        backend()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        one.in_thread(fail)
    assert one.in_thread(backend)


def test_who_releases_leaves_the_connection_to_others_meanwhile(one: Pool) -> None:
    def work() -> None:
        first = backend()
        db.release()
        assert one.in_thread(backend) == first
        assert backend() == first

    one.in_thread(work)


def test_a_transaction_keeps_its_connection(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(1, request_seconds=2)
    pool.open_connection()

    def work() -> None:
        with transaction.atomic():
            first = backend()
            db.release()
            with pytest.raises(OperationalError, match="couldn't get a connection"):
                pool.in_thread(backend)
            assert backend() == first
        db.release()
        assert pool.in_thread(backend) == first

    pool.in_thread(work)


def test_beyond_the_threads_that_may_wait_one_is_refused_at_once(
    make_pool: Callable[..., Pool],
) -> None:
    pool = make_pool(1, waiting=1, request_seconds=100)

    def work() -> None:
        backend()
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(pool.in_thread, backend)
            wait_for(lambda: pool.stats()["requests_waiting"] == 1)
            with pytest.raises(OperationalError) as refused:
                pool.in_thread(backend)
            assert isinstance(refused.value.__cause__, psycopg_pool.TooManyRequests)
            db.release()
            assert waiting.result()

    pool.in_thread(work)


def test_connections_that_broke_while_idle_go_unnoticed(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(3)

    def three() -> set[int]:
        first = backend()
        return {first} | pool.in_thread(lambda: {backend()} | {pool.in_thread(backend)})

    broken = pool.in_thread(three)
    assert len(broken) == 3
    for pid in broken:
        terminate(pid)
    assert not broken & {pool.in_thread(backend) for _ in range(5)}


def test_a_connection_that_broke_in_use_is_replaced_within_the_unit(one: Pool) -> None:
    def break_it() -> None:
        with pytest.raises(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        db.release()
        assert backend()

    one.in_thread(break_it)
    assert one.in_thread(backend)


def leave_autocommit_off() -> None:
    connection.set_autocommit(False)


def leave_a_block() -> None:
    transaction.atomic().__enter__()


def leave_a_block_whose_connection_is_closed() -> None:
    transaction.atomic().__enter__()
    connection.close()


def leave_a_failed_transaction() -> None:
    transaction.atomic().__enter__()
    with suppress(Error), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


@pytest.mark.parametrize(
    "leave",
    [
        leave_autocommit_off,
        leave_a_block,
        leave_a_block_whose_connection_is_closed,
        leave_a_failed_transaction,
    ],
)
def test_a_connection_left_in_a_transaction_is_not_handed_on(
    one: Pool, leave: Callable[[], None]
) -> None:
    def work() -> int:
        pid = backend()
        leave()
        return pid

    def use() -> int:
        assert connection.get_autocommit()
        assert not connection.in_atomic_block
        return backend()

    assert one.in_thread(work) != one.in_thread(use)


def test_the_thread_that_left_a_transaction_works_on(one: Pool) -> None:
    def work() -> None:
        with db.unit_of_work():
            leave_a_block()
            backend()
        assert connection.get_autocommit()
        with transaction.atomic():
            backend()

    one.in_thread(work)


def budget() -> db.Budget:
    return cast(DatabaseWrapper, connections["default"]).budget


def spend() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.1)")
    assert budget().left < 59.9


def by_cursor() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")


def by_statement() -> None:
    SLEEP.fetch(b"")


def in_a_transaction() -> None:
    with transaction.atomic():
        by_cursor()


@pytest.mark.parametrize("wait", [by_cursor, by_statement, in_a_transaction])
def test_waiting_ends_with_the_budget_and_begins_anew_in_the_next_unit(
    make_pool: Callable[..., Pool], wait: Callable[[], None]
) -> None:
    pool = make_pool(1, request_seconds=0.5)
    pool.open_connection()

    def work() -> None:
        with db.unit_of_work():
            with pytest.raises(OperationalError):
                wait()
            assert budget().left <= 0  # so that another try fails at once
            db.release()
            with pytest.raises(OperationalError):
                wait()
            assert budget().left <= 0
        pool.open_connection()  # in the place of the one that was given up
        with db.unit_of_work():
            assert backend()

    pool.in_thread(work)


def test_a_released_connection_takes_no_new_budget(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(1, request_seconds=60)

    def work() -> None:
        spend()
        db.release()
        assert budget().left < 59.9
        with db.unit_of_work():
            backend()
        assert budget().left == 60

    pool.in_thread(work)


def test_a_checkout_waits_no_longer_than_the_budget(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(1, request_seconds=1000)

    def work() -> None:
        backend()
        budget().left = 0.05
        db.release()
        with pool.one_in_use(), pytest.raises(OperationalError, match=r"after 0\.0\d sec"):
            backend()
        assert budget().left <= 0

    pool.in_thread(work)


def test_the_next_request_has_a_budget_of_its_own(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(1, request_seconds=60)

    def work() -> None:
        spend()  # outside a unit of work, as what a client's leaving makes run
        request_finished.send(None)
        assert not is_held()
        assert budget().left == 60

    pool.in_thread(work)


def test_one_connection_is_in_one_thread_at_a_time(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(4, request_seconds=100)
    in_use: set[int] = set()
    lock = threading.Lock()

    def work() -> set[int]:
        backends = set()
        for turn in range(30):
            pid = backend()
            with lock:
                assert pid not in in_use
                in_use.add(pid)
            backends.add(pid)
            assert backend() == pid
            with lock:
                in_use.remove(pid)
            if turn % 2:
                db.release()
            else:
                with db.unit_of_work():
                    pass
        return backends

    with ThreadPoolExecutor(32) as threads:
        backends = set().union(*threads.map(lambda _: pool.in_thread(work), range(32)))
    assert 1 <= len(backends) <= 4


def test_a_stream_holds_no_connection_while_it_is_sent(one: Pool) -> None:
    def answer(_: HttpRequest) -> StreamingHttpResponse:
        backend()
        return StreamingHttpResponse(f"{backend()} " for _ in range(3))

    def work() -> None:
        response = db.unit_of_work_per_request(answer)(RequestFactory().get("/"))
        assert isinstance(response, StreamingHttpResponse)
        assert not is_held()
        parts = []
        for part in cast("Iterator[bytes]", response.streaming_content):
            assert not is_held()
            parts.append(part)
        assert len(parts) == 3

    one.in_thread(work)


def test_without_a_pool_a_thread_keeps_its_own(transactional_db: None) -> None:
    own = backend()
    db.release()
    with db.unit_of_work():
        assert backend() == own
    assert backend() == own


def test_without_a_pool_a_transaction_around_the_unit_stays(transactional_db: None) -> None:
    with transaction.atomic():
        own = backend()
        with db.unit_of_work():
            db.release()
        assert connection.in_atomic_block
        assert backend() == own


@pytest.mark.parametrize("query", [backend, lambda: BACKEND.fetch(b"")])
def test_without_a_pool_what_broke_while_idle_goes_unnoticed(
    transactional_db: None, query: Callable[[], Any]
) -> None:
    broken = backend()
    db.release()

    def end_it() -> None:
        terminate(broken)
        connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(end_it).result()
    assert query()
    assert backend() != broken


def test_deadlines_are_spelled_as_libpq_reads_them() -> None:
    assert str(db.Deadlines.of_requests(2.5)) == (
        "-c statement_timeout=2000 -c lock_timeout=1500"
        " -c idle_in_transaction_session_timeout=10000"
    )
    assert str(db.Deadlines.of_statements(600)).startswith("-c statement_timeout=600000 ")


def test_the_server_knows_the_deadlines(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("10min",)
        cursor.execute("SHOW insitechat.may_truncate")  # which PGOPTIONS has
        assert cursor.fetchone() == ("on",)
