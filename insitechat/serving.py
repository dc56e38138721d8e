"""The gunicorn worker that keeps slow clients away from the threads.

Gunicorn's own `gthread` gives a connection to a thread with its first byte. The thread then waits,
without a deadline, for the rest of the request: a few hundred clients that send a byte now and then
stop the service. Here idle threads wait for all clients together, by epoll. One of them reads what
has come, and answers a request when it is here as a whole. A slow client has a socket and a buffer;
all of them together are bounded in number, bytes and seconds, and where a bound is reached, who has
been slow for longest goes first.

No request passes from one thread to another, which would cost more than the rest of this file. The
process's main thread accepts clients and keeps the deadlines.

Only what cannot be waited for is read by a thread that waits: bodies longer than BODY_BYTES, and
those whose end or permission to come is part of the conversation (chunks, `Expect`). Of those
threads there are a few, and each has a deadline. Likewise only long answers are waited for
(client_socket.py).
"""

import errno
import os
import re
import select
import socket
import sys
import time
from contextlib import suppress
from enum import Enum
from http import HTTPStatus
from threading import BoundedSemaphore, Lock
from typing import Any

from gunicorn import http, util
from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from insitechat.capacity import BODY_READERS_MAX, BUFFERED_BYTES_MAX
from insitechat.client_socket import ClientSocket, left_by_us
from insitechat.idle_threads import IdleThreads

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
# How long a thread that computes keeps the interpreter from the others that wait for it, which most
# requests do about ten times. By default it is 5 ms.
SWITCH_SECONDS = 0.0001
# How often deadlines are looked at, and threads that were idle all the while are sent to rest.
ROUND_SECONDS = 0.5

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
        from core.shares import standing_aside  # which needs the settings

        try:
            self.sock.settimeout(left)
            with standing_aside():
                data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise left_by_us() from None
        finally:
            body_readers.release()
            self.sock.settimeout(SEND_SECONDS)
        return data


class Connection(TConn):
    """A connection, with what has come on it of a request that is not whole yet."""

    def __init__(self, cfg: Any, sock: ClientSocket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.fd = sock.fileno()
        self.is_known = False  # to the epoll, which forgets it when it is closed
        self.parser = http.get_parser(cfg, sock, client)
        self.parser.unreader = BoundedUnreader(sock)
        self.initialized = True  # with the parser
        self.data_ready = True  # a thread gets it no sooner
        self.phase = Phase.HEAD
        self.deadline = 0.0
        self.received = bytearray()
        self.whole_length = 0  # of the request, once its header is here

    def begin(self, phase: Phase, seconds: float) -> None:
        self.phase, self.deadline = phase, time.monotonic() + seconds

    def read(self) -> bytes | None:
        """Return what has come, nothing if the client has closed; None where nothing has yet."""
        try:
            data: bytes = self.sock.receive_now(READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        return data

    def receive(self) -> bool:
        """Keep what has come; return False where the client has closed."""
        data = self.read()
        if data:
            if self.phase is Phase.IDLE:
                self.begin(Phase.HEAD, HEAD_SECONDS)
            self.received += data
        return data != b""

    def discard(self) -> bool:
        """Drop what a client still sends, up to a limit; return False when it has closed."""
        data = self.read()
        self.whole_length += len(data or b"")
        return data != b"" and self.whole_length <= HEAD_BYTES + BODY_BYTES

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
        """Give what has come to the parser, which may read on for BODY_SECONDS at most."""
        unreader = self.parser.unreader
        unreader.deadline = time.monotonic() + BODY_SECONDS
        unreader.unread(bytes(self.received))
        self.received.clear()


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


class Worker(ThreadWorker):
    """A gthread worker whose threads wait for clients, and answer requests that are here whole."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.lock = Lock()
        self.idle_threads = IdleThreads(self.cfg.threads)
        self.next_expiry = 0.0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        if cfg.is_ssl:
            raise RuntimeError("TLS is a proxy's work: this worker reads from bare sockets")

    # What follows runs in the process's main thread.

    def init_process(self) -> None:
        self.waiting = Waiting()
        super().init_process()

    def run(self) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        # All of them now: where many requests come at once, each would wait for a thread to start
        # beside all that are at work. One that is never needed takes some 20 KB.
        for _ in range(self.cfg.threads):
            self.tpool.submit(self.serve)
        super().run()

    def accept(self, listener: socket.socket) -> None:
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in IS_FULL:
                self.shed()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.count_connections(1)
        if self.nr_conns >= self.worker_connections:
            self.shed()
        client = ClientSocket.of(accepted, SEND_SECONDS)
        connection = Connection(self.cfg, client, address, listener.getsockname())
        connection.begin(Phase.HEAD, HEAD_SECONDS)
        self.waiting.add(connection)

    def murder_pending(self) -> None:
        """Drop what has been waited for too long; a request that has begun is answered 408."""
        now = time.monotonic()
        if now < self.next_expiry:
            return
        self.next_expiry = now + ROUND_SECONDS
        self.idle_threads.begin_round()
        for conn in self.waiting.take_expired():
            if conn.phase in (Phase.HEAD, Phase.BODY) and conn.received:
                self.refuse(conn, HTTPStatus.REQUEST_TIMEOUT)
            else:
                self.drop(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """Drop all that is waited for, at the end of the process."""
        if force:
            self.end_threads()
            for conn in self.waiting.take_all():
                self.drop(conn)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """End without grace; the interpreter waits for its threads."""
        self.end_threads()
        super().handle_quit(sig, frame)

    def end_threads(self) -> None:
        """Have idle threads end, and the others when they are; a signal may call this."""
        self.waiting.end()
        self.idle_threads.end()

    def _cap_keepalive(self, deadline: float) -> None:
        """Shorten the wait for further requests when the process stops."""
        self.waiting.shorten_idle(deadline)

    # What follows runs in any thread.

    def count_connections(self, difference: int) -> None:
        with self.lock:
            self.nr_conns += difference
        if not self.alive:  # the main thread waits for the last one
            self.method_queue.defer(lambda: None)

    def refuse(self, conn: Connection, status: HTTPStatus) -> None:
        with suppress(OSError):
            util.write_error(conn.sock, status, status.phrase, "")
        self.close(conn)

    def close(self, conn: Connection) -> None:
        """End our half, and wait a moment for the client's: a reset could overtake the answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
            return
        conn.received.clear()
        conn.begin(Phase.CLOSING, LINGER_SECONDS)
        self.waiting.add(conn)

    def drop(self, conn: Connection) -> None:
        conn.close()
        self.count_connections(-1)

    def shed(self) -> None:
        if conn := self.waiting.take_longest():
            self.drop(conn)

    # What follows runs in the threads that serve.

    def serve(self) -> None:
        """Wait for something to read, and do what it asks for, again and again."""
        while conn := self.next_connection():
            if self.go_on(conn):
                self.waiting.add(conn)
                while self.waiting.are_too_long():
                    self.shed()
            # Threads that wait for the interpreter come first. Without this the one that has it
            # would go on with the next request, and others' would wait for up to 0.1 s.
            os.sched_yield()

    def next_connection(self) -> Connection | None:
        """Wait for a connection with something to read; None is the end."""
        self.idle_threads.rest()
        return self.waiting.next()

    def go_on(self, conn: Connection) -> bool:
        """Read what has come, and do what it asks for; return whether more is to be waited for.

        When this returns the thread counts as idle, before the client can send another request,
        which would have another thread woken.
        """
        self.idle_threads.begin_work()
        try:
            return self.read_on(conn)
        except Exception:
            self.log.exception("A connection has failed")
            self.drop(conn)
            return False
        finally:
            self.idle_threads.end_work()

    def read_on(self, conn: Connection) -> bool:
        """Answer requests that are whole; return whether more is to be waited for."""
        is_open = conn.discard() if conn.phase is Phase.CLOSING else conn.receive()
        if not is_open:
            self.drop(conn)
            return False
        if conn.phase is Phase.CLOSING:
            return True
        while conn.is_whole():
            if not self.answer(conn):
                return False
        if conn.is_too_long:
            self.refuse(conn, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return False
        return True

    def answer(self, conn: Connection) -> bool:
        """Answer one request; return whether the connection stays.

        What the client has sent of its next request by then counts as received.
        """
        conn.hand_over()
        is_kept = self.handle(conn)
        if conn.sock.fileno() < 0:  # closed in the middle of an answer that failed
            self.drop(conn)
        elif is_kept:
            conn.received += conn.parser.unreader.take_buffered()
            if conn.received:
                conn.begin(Phase.HEAD, HEAD_SECONDS)
            else:
                conn.begin(Phase.IDLE, self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)
            return True
        else:
            self.close(conn)
        return False

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer the request. A client that does not receive its answer in time is left."""
        if conn.sock.gettimeout() != SEND_SECONDS:  # as after a stream, which bounds its parts
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
