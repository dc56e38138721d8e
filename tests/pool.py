"""A web process's pool of connections, for threads that a test starts."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any, TypeVar, cast

import psycopg_pool
from django.db import connection, connections

from core import db
from core.postgresql.base import DatabaseWrapper

Result = TypeVar("Result")


class Pool:
    """A pool of connections to the test's database, for threads that a test starts."""

    def __init__(self, size: int, *, waiting: int = 50, request_seconds: float = 5.0) -> None:
        self._settings = {
            **connection.settings_dict,
            "CONN_MAX_AGE": 0,
            "CONN_HEALTH_CHECKS": False,
            "OPTIONS": {
                **connection.settings_dict["OPTIONS"],
                "application_name": "pooled",
                "pool": db.pool_options(size, waiting, request_seconds),
            },
        }

    @property
    def of_psycopg(self) -> "psycopg_pool.ConnectionPool[Any]":
        return cast("psycopg_pool.ConnectionPool[Any]", DatabaseWrapper(self._settings).pool)

    def in_thread(self, work: Callable[[], Result]) -> Result:
        """Run something in another thread, whose connections are the pool's, as a unit of work."""

        def run() -> Result:
            connections["default"] = DatabaseWrapper(self._settings)
            with db.unit_of_work():
                return work()

        with ThreadPoolExecutor(1) as threads:
            return threads.submit(run).result()

    def open_connection(self) -> None:
        """Have an idle connection in the pool, however long a busy machine takes to open one."""
        pool = self.of_psycopg
        pool.open()
        with pool.connection(timeout=60):
            pass

    @contextmanager
    def one_in_use(self) -> Iterator[None]:
        """Have another thread hold one of the connections while the block runs."""
        is_held, may_end = Event(), Event()
        self.open_connection()

        def hold() -> None:
            connection.ensure_connection()
            is_held.set()
            may_end.wait(60)

        with ThreadPoolExecutor(1) as threads:
            holder = threads.submit(self.in_thread, hold)
            assert is_held.wait(60)
            try:
                yield
            finally:
                may_end.set()
                holder.result()

    def stats(self) -> dict[str, int]:
        return self.of_psycopg.get_stats()

    def close(self) -> None:
        """Close the pool, and end what clients have given up but the server goes on with."""
        DatabaseWrapper(self._settings).close_pool()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 10_000) FROM pg_stat_activity"
                " WHERE application_name = 'pooled' AND datname = current_database()"
            )
