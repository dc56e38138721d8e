"""Waiting for a provider, which takes seconds, without keeping what other requests need.

A request may have a thread for as long as it likes, since there are many; connections to the
database are few. So threads do not own them but are lent one, and give it back while they wait.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from threading import Semaphore

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

PATIENCE_SECONDS = 10.0


class TooManyWaiting(Exception):
    """As many threads of this process wait for providers as may; the others have other work."""


class Lender:
    """Lends Django's connections to the threads of a process, the one used last first.

    They connect when they are first used. A thread that has a connection of its own (a command's
    thread, a test's) keeps to that.
    """

    def __init__(self, count: int) -> None:
        self._all = frozenset(connections.create_connection(DEFAULT_DB_ALIAS) for _ in range(count))
        self._free: LifoQueue[BaseDatabaseWrapper] = LifoQueue()
        for connection in self._all:
            connection.inc_thread_sharing()
            self._free.put(connection)

    def lend(self, patience_seconds: float | None = PATIENCE_SECONDS) -> bool:
        """Give this thread a connection, unless it has one; return whether it was given one.

        Raises OperationalError where none has become free in time; None waits on.
        """
        if connections.all(initialized_only=True):
            return False
        try:
            connection = self._free.get(timeout=patience_seconds)
        except Empty:
            raise OperationalError("no connection to the database has become free") from None
        connections[DEFAULT_DB_ALIAS] = connection
        return True

    def take_back(self) -> bool:
        """Take this thread's connection back, if it was lent; return whether it was.

        One that broke, or was left inside a transaction, is closed and connects anew.
        """
        for connection in connections.all(initialized_only=True):
            if connection in self._all:
                del connections[DEFAULT_DB_ALIAS]
                # Django keeps a connection that is closed inside a block closed until it is left.
                connection.in_atomic_block = False
                try:
                    connection.close_if_unusable_or_obsolete()
                finally:
                    self._free.put(connection)
                return True
        return False


lender = Lender(settings.DATABASE_CONNECTIONS)
places = Semaphore(settings.CHATS_WAITING_MAX)


@contextmanager
def waiting() -> Iterator[None]:
    """Let others have this thread's connection while the block waits; not inside a transaction.

    Raises TooManyWaiting, at once.
    """
    if not places.acquire(blocking=False):
        raise TooManyWaiting
    try:
        if not lender.take_back():
            yield
            return
        try:
            yield
        finally:
            lender.lend(patience_seconds=None)
    finally:
        places.release()
