"""The connections of a process that no thread works for."""

import os
import select
import time
from contextlib import suppress
from threading import Lock

from insitechat.capacity import BUFFERED_BYTES_MAX
from insitechat.serving.connections import Connection, Phase


class Waiting:
    """The connections that no thread works for, and what they all have sent so far.

    Whoever takes one out of here owns it: a thread that is told of something to read, or the main
    thread, whose deadlines and bounds it has met.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        # By descriptor, in the order in which they began to wait: the longest first.
        self._connections: dict[int, Connection] = {}
        self._bytes = 0
        self._lock = Lock()
        self._end, self._open = os.pipe()
        self._epoll.register(self._end, select.EPOLLHUP)

    def add(self, conn: Connection) -> None:
        """Have one thread told of what comes next on the connection."""
        tell = self._epoll.modify if conn.is_known else self._epoll.register
        conn.is_known = True
        with self._lock:
            self._connections[conn.fd] = conn
            self._bytes += len(conn.received)
        # Taken and closed by now, at worst. Should another one have its descriptor already, a
        # thread finds nothing to read there.
        with suppress(OSError):
            tell(conn.fd, select.EPOLLIN | select.EPOLLONESHOT)

    def next(self) -> Connection | None:
        """Wait for a connection with something to read, and take it. None is the end."""
        while True:
            ((fd, _),) = self._epoll.poll(maxevents=1)
            if fd == self._end:
                return None
            if conn := self._take(fd):
                return conn

    def _take(self, fd: int) -> Connection | None:
        with self._lock:
            conn = self._connections.pop(fd, None)
            if conn is not None:
                self._bytes -= len(conn.received)
        return conn

    def take_expired(self) -> list[Connection]:
        """Take the connections that have been waited for too long."""
        now = time.monotonic()
        with self._lock:
            expired = [fd for fd, conn in self._connections.items() if conn.deadline <= now]
        return [conn for conn in map(self._take, expired) if conn]

    def take_longest(self) -> Connection | None:
        """Take the one that has been waited for the longest, closing and idle ones first."""
        with self._lock:
            of_phases = {conn.phase: fd for fd, conn in reversed(self._connections.items())}
            longest = next(iter(self._connections), None)
        fd = of_phases.get(Phase.CLOSING, of_phases.get(Phase.IDLE, longest))
        return None if fd is None else self._take(fd)

    def are_too_long(self) -> bool:
        """Say whether they all together have sent more than may be kept."""
        return self._bytes > BUFFERED_BYTES_MAX and bool(self._connections)

    def shorten_idle(self, deadline: float) -> None:
        """Have no idle connection wait for longer than that."""
        with self._lock:
            for conn in self._connections.values():
                if conn.phase is Phase.IDLE:
                    conn.deadline = min(conn.deadline, deadline)

    def take_all(self) -> list[Connection]:
        with self._lock:
            descriptors = list(self._connections)
        return [conn for conn in map(self._take, descriptors) if conn]

    def end(self) -> None:
        """Send all threads home, those that come to wait later too. A signal may call this."""
        if self._open >= 0:
            closing, self._open = self._open, -1
            os.close(closing)
