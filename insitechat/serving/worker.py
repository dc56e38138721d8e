"""The gunicorn worker, whose threads wait for clients themselves."""

import errno
import os
import socket
import sys
import time
from contextlib import suppress
from http import HTTPStatus
from threading import Lock
from typing import Any

from gunicorn import util
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from insitechat.serving.client_socket import ClientSocket, left_by_us
from insitechat.serving.connections import (
    BODY_BYTES,
    HEAD_SECONDS,
    SEND_SECONDS,
    Connection,
    Phase,
)
from insitechat.serving.idle_threads import IdleThreads
from insitechat.serving.waiting import Waiting

# A client that closes only now still gets the answer, not a reset (RFC 9112, section 9.6).
LINGER_SECONDS = 2.0
# How long a thread that computes keeps the interpreter from the others that wait for it, which most
# requests do about ten times. By default it is 5 ms.
SWITCH_SECONDS = 0.0001
# How often deadlines are looked at, and threads that were idle all the while are sent to rest.
ROUND_SECONDS = 0.5

IS_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


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
