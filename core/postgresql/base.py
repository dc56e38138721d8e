"""Django's PostgreSQL backend, whose pool's connections are checked out for units of work."""

import atexit
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql import base

from core.db import Budget, PooledConnection, is_readable
from core.metrics import Gauge, Histogram

CHECKOUT_SECONDS = Histogram(
    "insitechat_database_checkout_seconds",
    "How long checkouts of a connection took, those that failed included.",
)


# For how long after its last use a connection is taken to be open. To look takes a system call.
TRUSTED_SECONDS = 0.01


class DatabaseWrapper(base.DatabaseWrapper):
    """What a thread knows of the database; it has a connection while a unit of work needs one."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        super().__init__(settings_dict, alias)
        self.has_pool = "pool" in settings_dict["OPTIONS"]
        self.budget = Budget(settings.DATABASE_REQUEST_SECONDS)

    def ensure_connection(self) -> None:
        """Check a connection out, unless this thread has one. Raises OperationalError.

        Django connects anew for each checkout, which sets up what the pool's connections have kept
        and costs the API's listing some 7 % more CPU. That is left out after a clean return; after
        any other, autocommit is off.
        """
        if self.connection is not None:
            return
        if self.autocommit and self.has_pool:
            with self.wrap_database_errors:
                self.connection = self.check_out()
        else:
            super().ensure_connection()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if not self.has_pool:
            return super().get_new_connection(conn_params)
        self.pool.open()
        return self.check_out()

    def check_out(self) -> PooledConnection:
        """Return a connection of the pool that the server has not closed meanwhile."""
        pool = self.pool
        began = monotonic()
        timeout = min(pool.timeout, self.budget.left)
        try:
            while True:
                connection: PooledConnection = pool.getconn(began + timeout - monotonic())
                if began - connection.idle_since < TRUSTED_SECONDS or not is_readable(
                    connection, 0
                ):
                    connection.budget = self.budget
                    return connection
                connection.close()
                pool.putconn(connection)  # which replaces it
        finally:
            seconds = monotonic() - began
            self.budget.left -= seconds
            CHECKOUT_SECONDS.observe(seconds)

    def _close(self) -> None:
        connection = self.connection
        if self.has_pool and connection is not None:
            connection.idle_since = monotonic()
            if not connection.autocommit:
                connection.close()  # the pool replaces one that was left in a transaction
        super()._close()  # type: ignore[misc]

    def release(self) -> None:
        """Give the connection back in the middle of a unit of work, but not of a transaction."""
        if not self.autocommit:
            return
        if self.has_pool:
            self.close()
        else:
            self.close_if_unusable_or_obsolete()

    def end_unit(self) -> None:
        """Give the connection back at the end of a unit of work.

        In a process without a pool a transaction may be around the unit, a test's for one.
        """
        if self.has_pool:
            if self.connection is not None or self.in_atomic_block:
                # Django would keep one that is closed inside a block closed until it is left.
                self.in_atomic_block = False
                self.close()
            self.budget.renew()
        elif not self.in_atomic_block:
            self.close_if_unusable_or_obsolete()

    def is_usable(self) -> bool:
        """Say whether an idle connection works, without the round trip that Django makes for it."""
        if self.connection is None or self.connection.closed:
            return False
        return not is_readable(self.connection, 0)


def pool_state() -> dict[str, float] | None:
    """Return how this process's pool is used, None where it has none."""
    wrapper = connections[DEFAULT_DB_ALIAS]
    if not getattr(wrapper, "has_pool", False):
        return None
    stats = wrapper.pool.get_stats()  # type: ignore[attr-defined]
    return {
        "in_use": stats["pool_size"] - stats["pool_available"],
        "idle": stats["pool_available"],
        "waiting": stats["requests_waiting"],
    }


Gauge(
    "insitechat_database_pool",
    "Connections in use and idle, and threads that wait for one.",
    "state",
    read=pool_state,
)


@atexit.register
def close_pool() -> None:
    """Let the pool's threads end before the interpreter does.

    Registered when Django loads the backend, so it runs after what writes to the database at exit.
    """
    connections[DEFAULT_DB_ALIAS].close_pool()  # type: ignore[attr-defined]
