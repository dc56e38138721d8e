"""The life of a connection to PostgreSQL.

A unit of work is a request, a part of a streamed answer, a write of the usage recorder, a job. Its
first query checks a connection out; it goes back when the unit is over, or where `release` is
called because something slow comes next. A transaction keeps its connection.

The threads of a web process share a pool (psycopg_pool, by Django's `OPTIONS["pool"]`), and how
long a request waits for PostgreSQL is bounded: by the server (`Deadlines`), and by the client
(`Budget`), because a server that hangs keeps no deadline. In any other process each thread has a
connection of its own. `core.postgresql` is where Django meets this.
"""

import select
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any, Protocol, TypeVar, cast

import psycopg
from django.db import IntegrityError, connections
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from psycopg.abc import PQGen

from core.http import Handler

Part = TypeVar("Part")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What PostgreSQL itself ends in a session, after so many seconds."""

    statement_timeout: float
    lock_timeout: float
    idle_in_transaction_session_timeout: float

    @classmethod
    def of_requests(cls, seconds: float) -> "Deadlines":
        """Let any single statement end before a request has waited so long in all."""
        return cls(0.8 * seconds, 0.6 * seconds, 4 * seconds)

    @classmethod
    def of_statements(cls, seconds: float) -> "Deadlines":
        """Let each statement of a command or a job take so long, a tenth of it for a lock."""
        return cls(seconds, seconds / 10, seconds)

    def __str__(self) -> str:
        """Return them as libpq's connection parameter `options` has them."""
        return " ".join(f"-c {name}={round(1000 * value)}" for name, value in asdict(self).items())


def pool_options(connections: int, waiting: int, request_seconds: float) -> dict[str, Any]:
    """Return `OPTIONS["pool"]`: how many connections there are, and how many threads wait for one.

    Where none becomes free in time, or too many wait already, a checkout raises OperationalError.
    """
    return {
        "connection_class": PooledConnection,
        "min_size": 0,
        "max_size": connections,
        "max_waiting": waiting,
        "timeout": 0.4 * request_seconds,
        # A failed attempt to connect is not repeated in the background, with pauses that grow: the
        # next checkout tries again. So the pool recovers as soon as the server does.
        "reconnect_timeout": 0,
    }


class Budget:
    """How much longer a unit of work may wait for PostgreSQL, in seconds."""

    __slots__ = ("_seconds", "left")

    def __init__(self, seconds: float) -> None:
        self._seconds = self.left = seconds

    def renew(self) -> None:
        self.left = self._seconds


class PooledConnection(psycopg.Connection[Any]):
    """A connection that waits no longer than the budget of the unit of work that has it."""

    budget: Budget | None = None
    idle_since = 0.0

    def wait(
        self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None
    ) -> Result:
        """Wait for the server. Raises OperationalError when the budget is spent.

        The connection is of no use then: a command is still under way.
        """
        budget = self.budget
        if budget is None:
            return super().wait(gen, interval, timeout)
        began = monotonic()
        try:
            return super().wait(gen, interval, max(budget.left, 0.0))
        finally:
            budget.left -= monotonic() - began


def is_readable(connection: psycopg.Connection[Any], milliseconds: float | None) -> bool:
    """Say whether something has come within that time; None is for ever.

    What comes on an idle connection is the server's goodbye, or the end of the stream.
    """
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(milliseconds))


def release() -> None:
    """Give this thread's connection back in the middle of a unit of work, before a long wait.

    The next query checks one out again, on what is left of the budget. Where a transaction is under
    way, and where the process has no pool, the connection stays.
    """
    for connection in initialized():
        connection.release()


@contextmanager
def unit_of_work() -> Iterator[None]:
    """Give this thread's connection back after the block, whatever state it is in."""
    try:
        yield
    finally:
        end_unit_of_work()


def end_unit_of_work() -> None:
    for connection in initialized():
        connection.end_unit()


class PooledWrapper(Protocol):
    """What core.postgresql adds to Django's connection, which a thread has for good."""

    def release(self) -> None: ...

    def end_unit(self) -> None: ...


def initialized() -> list[PooledWrapper]:
    """Return this thread's connections, as Django calls them, that have been used."""
    return cast("list[PooledWrapper]", connections.all(initialized_only=True))


def unit_of_work_per_request(get_response: Handler) -> Handler:
    """Django middleware that gives a request's connection back before its answer is sent.

    Each part of a streamed answer is a unit of work of its own.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        try:
            response = get_response(request)
        finally:
            end_unit_of_work()
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            parts = cast("Iterator[bytes]", response.streaming_content)
            response.streaming_content = each_in_a_unit(parts)
        return response

    return middleware


def each_in_a_unit(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield the parts; no connection is held while one of them is sent."""
    iterator = iter(parts)
    while True:
        with unit_of_work():
            try:
                part = next(iterator)
            except StopIteration:
                return
        yield part


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that a statement violated."""
    cause = cast(psycopg.Error, error.__cause__)
    return cause.diag.constraint_name
