"""Running the few statements that the API's request path consists of."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakSet

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import Connection, OperationalError
from psycopg.errors import (
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InvalidSqlStatementName,
    error_from_result,
)
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from core.db import PooledConnection
from core.watchdog import watchdog


class Statement:
    """A statement that reads one row by one parameter ($1), prepared once on each connection.

    It runs at the driver's lowest level, which is libpq's. Through the cursors of Django and of
    the driver a call that makes two such statements costs a fifth more CPU, for conversions and a
    dozen hand-overs between threads. Errors are Django's; left out is Django's log of statements.
    """

    def __init__(self, name: str, sql: str) -> None:
        self._name = name.encode()
        self._sql = sql.encode()
        self._prepared_on: WeakSet[Connection[Any]] = WeakSet()

    def fetch(self, parameter: bytes) -> list[Any] | None:
        """Return the row, each value in bytes as PostgreSQL sends it; None where there is none."""
        connection = connections[DEFAULT_DB_ALIAS]
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        with connection.wrap_database_errors:
            result = self._execute(connection.connection, parameter)
        if not result.ntuples:
            return None
        return [result.get_value(0, column) for column in range(result.nfields)]

    def _execute(self, driver: Connection[Any], parameter: bytes) -> PGresult:
        server = driver.pgconn
        if not driver.autocommit and server.transaction_status == TransactionStatus.IDLE:
            driver.execute("")  # which begins the transaction
        if not driver.autocommit or driver.prepare_threshold is None:
            # An error would end the transaction, so nothing is taken to be prepared in one.
            values = ([parameter], None, [Format.BINARY], Format.BINARY)
            return run(driver, server.exec_params, self._sql, *values)
        if driver in self._prepared_on:
            # The driver deallocates all after a rollback; a migration changes a column's type.
            with suppress(InvalidSqlStatementName, FeatureNotSupported):
                return self._execute_prepared(driver, parameter)
        self._prepare(driver)
        self._prepared_on.add(driver)
        return self._execute_prepared(driver, parameter)

    def _prepare(self, driver: Connection[Any]) -> None:
        prepare = driver.pgconn.prepare
        try:
            run(driver, prepare, self._name, self._sql)
        except DuplicatePreparedStatement:
            run(driver, driver.pgconn.exec_, b"DEALLOCATE " + self._name)
            run(driver, prepare, self._name, self._sql)

    def _execute_prepared(self, driver: Connection[Any], parameter: bytes) -> PGresult:
        values = ([parameter], [Format.BINARY], Format.BINARY)
        return run(driver, driver.pgconn.exec_prepared, self._name, *values)


def run(driver: Connection[Any], command: Callable[..., PGresult], *values: Any) -> PGresult:
    """Return the result of a command of libpq, or raise the driver's error that it stands for."""
    if isinstance(driver, PooledConnection) and driver.budget is not None:
        result = watchdog.run(driver, driver.budget, partial(command, *values))
    else:
        result = command(*values)
    if result.status in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
        return result
    if driver.pgconn.status == ConnStatus.BAD:
        raise OperationalError(result.get_error_message())
    raise error_from_result(result)
