"""The socket of a client that may read its answer slowly.

What a thread sends goes to the kernel's buffer, which takes ordinary answers as a whole: pages,
lists, style sheets and scripts. For longer ones it waits for the client, which may take a moment.
After that, so many threads wait at once as SLOW_READERS_MAX says, and further clients are left.
"""

import errno
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

from insitechat.capacity import SLOW_READERS_MAX

# Linux doubles it, and counts its own overhead too: an answer of 100 KB fits in, whatever segments
# the client asks for. It grants as much unless net.core.wmem_max (by default 208 KiB) is lower.
SEND_BUFFER_BYTES = 128 * 1024
# How long a thread waits for any client to take what the buffer has no room for.
QUICK_SECONDS = 0.25

slow_readers = BoundedSemaphore(SLOW_READERS_MAX)


class ClientSocket(socket.socket):
    """An accepted socket, which threads read from and write to with a timeout."""

    @classmethod
    def of(cls, accepted: socket.socket, timeout: float) -> "ClientSocket":
        """Take an accepted socket over; the given one is no longer usable."""
        kind = (accepted.family, accepted.type, accepted.proto)
        client = cls(*kind, fileno=accepted.detach())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        client.settimeout(timeout)
        return client

    def setblocking(self, _: bool, /) -> None:
        """Keep the timeout: gunicorn would change the mode with each request, by a system call."""

    def receive_now(self, most: int) -> bytes:
        """Return what has come. Raises BlockingIOError if nothing has."""
        return os.read(self.fileno(), most)  # unlike recv, which waits for the timeout

    def send_now(self, data: bytes) -> None:
        """Send as much of it as the kernel takes. Raises OSError."""
        os.write(self.fileno(), data)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send all of it. Raises TimeoutError, and ConnectionResetError if too many wait."""
        view = memoryview(data)
        # Unlike send, write does not wait for room.
        sent = self._send_quickly(lambda sent: os.write(self.fileno(), view[sent:]), len(view))
        if sent < len(view):
            with place_of_slow_reader():
                super().sendall(view[sent:], flags)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send the file as sendall sends; a timeout begins anew with each part."""
        length = os.fstat(file.fileno()).st_size - offset if count is None else count
        sent = self._send_quickly(
            lambda sent: os.sendfile(self.fileno(), file.fileno(), offset + sent, length - sent),
            length,
        )
        if sent < length:
            with place_of_slow_reader():
                sent += super().sendfile(file, offset + sent, length - sent)
        return sent

    def _send_quickly(self, send: Callable[[int], int], length: int) -> int:
        """Send what the client takes within QUICK_SECONDS; return how much that is."""
        sent, deadline = 0, None
        while sent < length:
            try:
                part = send(sent)
            except BlockingIOError:
                now = time.monotonic()
                deadline = deadline or now + self._quick_seconds()
                if not self._has_room(deadline - now):
                    break
                continue
            if not part:  # the file has become shorter
                break
            sent += part
        return sent

    def _quick_seconds(self) -> float:
        timeout = self.gettimeout()
        return QUICK_SECONDS if timeout is None else min(QUICK_SECONDS, timeout)

    def _has_room(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self, select.POLLOUT)
        return bool(poll.poll(max(seconds, 0) * 1000))


@contextmanager
def place_of_slow_reader() -> Iterator[None]:
    """Have the thread be one of those that wait. Raises ConnectionResetError if too many do."""
    if not slow_readers.acquire(blocking=False):
        raise left_by_us()
    try:
        yield
    finally:
        slow_readers.release()


def left_by_us() -> ConnectionResetError:
    """Return the error after which gunicorn ends a connection without a word in the log."""
    return ConnectionResetError(errno.ECONNRESET, "the client was too slow")
