"""A deadline for calls of libpq, which wait by themselves and know none.

To send, wait and receive step by step would hand the interpreter over twice as often, and costs a
call to the API some 4 % more CPU. Here a call only notes until when it may last, and a thread ends
those that last longer: their sockets are shut down, upon which libpq fails.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread
from time import monotonic, sleep
from typing import TypeVar

from psycopg import OperationalError

from core.db import Budget, PooledConnection

Result = TypeVar("Result")

# By how much a call may exceed its budget.
INTERVAL_SECONDS = 0.1


class Call:
    """A call under way. Each is one of its own, also on the same connection."""

    __slots__ = ("connection", "deadline")

    def __init__(self, connection: PooledConnection, deadline: float) -> None:
        self.connection = connection
        self.deadline = deadline


class Watchdog:
    """Ends calls at their deadlines, from a thread that it starts in each process with a call."""

    def __init__(self) -> None:
        self._calls: dict[Call, bool] = {}
        self._starting = Lock()
        self._ending = Lock()
        self._thread = Thread()

    def run(
        self, connection: PooledConnection, budget: Budget, command: Callable[[], Result]
    ) -> Result:
        """Run the command on the connection, and take from the budget what it lasts.

        Raises OperationalError when the budget is spent. The connection is of no use then.
        """
        if not self._thread.is_alive():  # as after a fork
            self._start()
        began = monotonic()
        call = Call(connection, began + budget.left)
        self._calls[call] = True
        try:
            return command()
        finally:
            is_in_time = self._calls.pop(call, False)
            budget.left -= monotonic() - began
            if not is_in_time:
                with self._ending:  # the connection's descriptor has to stay its own until then
                    raise OperationalError("PostgreSQL has not answered in time")

    def _start(self) -> None:
        with self._starting:
            if not self._thread.is_alive():
                self._thread = Thread(target=self._watch, name="watchdog", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        while True:
            sleep(INTERVAL_SECONDS)
            self.end_late()

    def end_late(self) -> None:
        """End the calls whose deadlines have passed."""
        now = monotonic()
        for call in self._calls.copy():
            if call.deadline <= now:
                with self._ending:
                    if self._calls.pop(call, False):
                        shut_down(call.connection.pgconn.socket)


def shut_down(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as stream:
        stream.shutdown(socket.SHUT_RDWR)


watchdog = Watchdog()
