"""Deadlines of libpq's calls: a late one ends, and no other one with it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest
from django.db import connections
from psycopg import OperationalError
from psycopg.pq import ConnStatus, ExecStatus

from core.db import Budget, PooledConnection
from core.watchdog import Watchdog

PARAMETERS = ("dbname", "user", "password", "host", "port")


@pytest.fixture
def watchdog(db: None) -> Watchdog:
    return Watchdog()


def connect() -> PooledConnection:
    """Return a connection to the tests' database, where the server itself ends no statement.

    It only notices soon that its client has left.
    """
    parameters = connections["default"].get_connection_params()
    address = {name: parameters[name] for name in PARAMETERS if name in parameters}
    return PooledConnection.connect(**address, options="-c client_connection_check_interval=50")


@pytest.fixture
def connection() -> Iterator[PooledConnection]:
    with closing(connect()) as connection:
        yield connection


def test_a_call_that_is_too_late_ends(watchdog: Watchdog, connection: PooledConnection) -> None:
    budget = Budget(0.2)
    with pytest.raises(OperationalError, match="not answered in time"):
        watchdog.run(connection, budget, partial(connection.pgconn.exec_, b"SELECT pg_sleep(60)"))
    assert budget.left <= 0
    assert connection.pgconn.status == ConnStatus.BAD


def test_a_call_in_time_takes_from_the_budget(
    watchdog: Watchdog, connection: PooledConnection
) -> None:
    budget = Budget(60)
    result = watchdog.run(
        connection, budget, partial(connection.pgconn.exec_, b"SELECT pg_sleep(0.3)")
    )
    assert result.status == ExecStatus.TUPLES_OK
    assert 0 < budget.left < 59.8


def test_what_fails_by_itself_raises_its_own_error(
    watchdog: Watchdog, connection: PooledConnection
) -> None:
    with pytest.raises(ZeroDivisionError):
        watchdog.run(connection, Budget(60), lambda: 1 / 0)
    assert connection.pgconn.status == ConnStatus.OK


def test_only_late_calls_end(watchdog: Watchdog) -> None:
    def late(_: int) -> None:
        with closing(connect()) as connection, pytest.raises(OperationalError):
            watchdog.run(
                connection, Budget(0.15), partial(connection.pgconn.exec_, b"SELECT pg_sleep(60)")
            )

    def in_time(_: int) -> None:
        with closing(connect()) as connection:
            for _ in range(200):
                call = partial(connection.pgconn.exec_, b"SELECT pg_sleep(0.001)")
                assert watchdog.run(connection, Budget(60), call).status == ExecStatus.TUPLES_OK

    with ThreadPoolExecutor(16) as threads:
        runs = [threads.submit(late, number) for number in range(8)]
        runs += [threads.submit(in_time, number) for number in range(8)]
        for run in runs:
            run.result()
