"""The gunicorn worker that keeps slow clients away from the threads.

Gunicorn's own `gthread` gives a connection to a thread with its first byte. The thread then waits,
without a deadline, for the rest of the request: a few hundred clients that send a byte now and then
stop the service. Here one thread per process waits for all clients, and a request gets one of the
pool when it has come as a whole. A slow client has a socket and a buffer; all of them together are
bounded in number, bytes and seconds, and where a bound is reached, who has been slow for longest
goes first.

Only what cannot be waited for is read in a thread: bodies longer than BODY_BYTES, and those whose
end or permission to come is part of the conversation (chunks, `Expect`). Of those threads there are
a few, and each has a deadline. Likewise only long answers are waited for (client_socket.py).
"""

import errno
import re
import socket
import time
from concurrent.futures import Future
from contextlib import suppress
from enum import Enum
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from threading import BoundedSemaphore
from typing import Any

from gunicorn import http, util
from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from insitechat.capacity import BODY_READERS_MAX, BUFFERED_BYTES_MAX
from insitechat.client_socket import ClientSocket, left_by_us

# From a request's first byte to the end of its header.
HEAD_SECONDS = 20.0
# From there to the end of its body.
BODY_SECONDS = 60.0
# How long a client may take to receive one part of an answer, where it is waited for.
SEND_SECONDS = 60.0
# A client that closes only now still gets the answer, not a reset (RFC 9112, section 9.6).
LINGER_SECONDS = 2.0
# Longer headers are refused. A single field of 64 KiB passes (limit_request_field_size).
HEAD_BYTES = 128 * 1024
# The longest body that Django reads, uploads apart (DATA_UPLOAD_MAX_MEMORY_SIZE).
BODY_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024

END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?=\r\n)")
CONVERSATION = (b"\r\ntransfer-encoding:", b"\r\nexpect:")
IS_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

body_readers = BoundedSemaphore(BODY_READERS_MAX)


class Phase(Enum):
    """What is waited for on a connection that no thread works for."""

    HEAD = "the rest of a request's header"
    BODY = "the rest of its body"
    IDLE = "another request"
    CLOSING = "the client's end of the connection"


def body_length(head: bytes) -> int:
    """Return how many bytes of a body to wait for after this header.

    None are where the body is read in a thread, and where the header is not plain: gunicorn's
    parser, which alone decides what a request is, refuses most of those.
    """
    head = head.lower()
    if b"\r\ncontent-length:" not in head or any(field in head for field in CONVERSATION):
        return 0
    lengths = LENGTH.findall(head)
    length = int(lengths[0]) if len(lengths) == 1 else 0
    return length if length <= BODY_BYTES else 0


class BoundedUnreader(SocketUnreader):
    """Reads what did not come before the thread began, until the deadline."""

    deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what comes next.

        Raises ConnectionResetError if that is too late, or too many threads do this.
        """
        left = self.deadline - time.monotonic()
        if left <= 0 or not body_readers.acquire(blocking=False):
            raise left_by_us()
        try:
            self.sock.settimeout(left)
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise left_by_us() from None
        finally:
            body_readers.release()
            self.sock.settimeout(SEND_SECONDS)
        return data


class Connection(TConn):
    """A connection, with what has come on it of a request that is not whole yet."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.parser = http.get_parser(cfg, sock, client)
        self.parser.unreader = BoundedUnreader(sock)
        self.data_ready = True  # a thread gets it no sooner
        self.phase = Phase.HEAD
        self.deadline = 0.0
        self.received = bytearray()
        self.whole_length = 0  # of the request, once its header is here

    def begin(self, phase: Phase, seconds: float) -> None:
        self.phase, self.deadline = phase, time.monotonic() + seconds

    def receive(self) -> bool:
        """Read what has come, without waiting; return False where the client has closed."""
        try:
            data = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if self.phase is Phase.IDLE:
            self.begin(Phase.HEAD, HEAD_SECONDS)
        self.received += data
        return bool(data)

    @property
    def is_too_long(self) -> bool:
        return self.phase is Phase.HEAD and len(self.received) > HEAD_BYTES

    def is_whole(self) -> bool:
        """Say whether the request is here as far as it is waited for; look for its header's end."""
        if self.phase is Phase.HEAD:
            end = self.received.find(END_OF_HEAD)
            if end < 0:
                return False
            head = bytes(self.received[: end + 2])
            self.whole_length = end + len(END_OF_HEAD) + body_length(head)
            self.begin(Phase.BODY, BODY_SECONDS)
        return len(self.received) >= self.whole_length

    def hand_over(self) -> None:
        """Give what has come to the parser, for a thread that reads on for BODY_SECONDS at most."""
        unreader = self.parser.unreader
        unreader.deadline = time.monotonic() + BODY_SECONDS
        unreader.unread(bytes(self.received))
        self.received.clear()


class Worker(ThreadWorker):
    """A gthread worker whose threads get requests that have come as a whole."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # In the order in which they began to wait: the longest first.
        self.waiting: dict[Connection, None] = {}
        self.buffered_bytes = 0
        self.next_expiry = 0.0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        if cfg.is_ssl:
            raise RuntimeError("TLS is a proxy's work: this worker reads from bare sockets")

    # What follows runs in the process's main thread.

    def accept(self, listener: socket.socket) -> None:
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in IS_FULL:
                self.shed()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self.shed()
        client = ClientSocket.of(accepted)
        connection = Connection(self.cfg, client, address, listener.getsockname())
        connection.begin(Phase.HEAD, HEAD_SECONDS)
        self.go_on(connection)

    def finish_request(self, conn: Connection, fs: "Future[Any]") -> None:
        """Wait for the next request on the connection, or for its end."""
        is_kept = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        if conn.sock.fileno() < 0:  # closed in the middle of an answer that failed
            self.drop(conn)
            return
        conn.sock.settimeout(0)
        if not is_kept:
            self.close(conn)
            return
        conn.received += conn.parser.unreader.take_buffered()
        if conn.received:
            conn.begin(Phase.HEAD, HEAD_SECONDS)
            self.proceed(conn)
            return
        conn.begin(Phase.IDLE, self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)
        self.wait(conn)

    def go_on(self, conn: Connection) -> None:
        """Read what has come on a connection that is not being waited for."""
        if conn.receive():
            self.proceed(conn)
        else:
            self.drop(conn)

    def proceed(self, conn: Connection) -> None:
        """Have a thread answer the request if it is whole, else wait for its rest."""
        if conn.is_whole():
            conn.hand_over()
            self.enqueue_req(conn)
        elif conn.is_too_long:
            self.refuse(conn, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            self.wait(conn)

    def wait(self, conn: Connection) -> None:
        self.waiting[conn] = None
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_readable, conn))
        self.buffered_bytes += len(conn.received)
        while self.buffered_bytes > BUFFERED_BYTES_MAX and self.waiting:
            self.shed()

    def forget(self, conn: Connection) -> None:
        """Stop waiting for the connection."""
        del self.waiting[conn]
        self.buffered_bytes -= len(conn.received)
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def on_readable(self, conn: Connection, _: Any) -> None:
        if conn not in self.waiting:  # shed while this event was under way
            return
        if conn.phase is Phase.CLOSING:
            self.discard(conn)
            return
        before = len(conn.received)
        is_open = conn.receive()
        self.buffered_bytes += len(conn.received) - before
        if not is_open:
            self.forget(conn)
            self.drop(conn)
        elif conn.is_whole() or conn.is_too_long:
            self.forget(conn)
            self.proceed(conn)
        elif self.buffered_bytes > BUFFERED_BYTES_MAX:
            self.shed()

    def close(self, conn: Connection) -> None:
        """End our half, and wait a moment for the client's: a reset could overtake the answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
            return
        conn.received.clear()
        conn.begin(Phase.CLOSING, LINGER_SECONDS)
        self.wait(conn)

    def refuse(self, conn: Connection, status: HTTPStatus) -> None:
        with suppress(OSError):
            util.write_error(conn.sock, status, status.phrase, "")
            conn.sock.settimeout(0)
        self.close(conn)

    def discard(self, conn: Connection) -> None:
        """Read what a client still sends, up to a limit, until it closes."""
        try:
            data = conn.sock.recv(READ_BYTES)
        except OSError:
            data = b""
        conn.whole_length += len(data)
        if not data or conn.whole_length > HEAD_BYTES + BODY_BYTES:
            self.forget(conn)
            self.drop(conn)

    def drop(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def shed(self) -> None:
        """Drop the connection that has been waited for the longest, closing and idle ones first."""
        for phase in (Phase.CLOSING, Phase.IDLE, None):
            for conn in self.waiting:
                if phase in (None, conn.phase):
                    self.forget(conn)
                    self.drop(conn)
                    return

    def murder_pending(self) -> None:
        """Drop what has been waited for too long; a request that has begun is answered 408."""
        now = time.monotonic()
        if now < self.next_expiry:
            return
        self.next_expiry = now + 0.5
        for conn in [conn for conn in self.waiting if conn.deadline <= now]:
            has_begun = conn.phase in (Phase.HEAD, Phase.BODY) and bool(conn.received)
            self.forget(conn)
            if has_begun:
                self.refuse(conn, HTTPStatus.REQUEST_TIMEOUT)
            else:
                self.drop(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """Drop all that is waited for, at the end of the process."""
        if force:
            for conn in list(self.waiting):
                self.forget(conn)
                self.drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Shorten the wait for further requests when the process stops."""
        for conn in self.waiting:
            if conn.phase is Phase.IDLE:
                conn.deadline = min(conn.deadline, deadline)

    # What follows runs in a thread of the pool.

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer the request. A client that does not receive its answer in time is left."""
        conn.sock.settimeout(SEND_SECONDS)
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            raise left_by_us() from None

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """Say whether the connection can be kept.

        No thread waits for a body that nobody has read; and what is wrong with one is no longer
        told, as the request has had its answer.
        """
        conn.parser.unreader.deadline = 0.0
        try:
            return keepalive and bool(conn.parser.finish_body(max_bytes=BODY_BYTES))
        except ParseException:
            return False
