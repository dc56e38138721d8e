"""A client's connection, and how much of a request has come on it."""

import re
import time
from enum import Enum
from threading import BoundedSemaphore
from typing import Any

from gunicorn import http
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

from insitechat.capacity import BODY_READERS_MAX
from insitechat.serving.client_socket import ClientSocket, left_by_us

# From a request's first byte to the end of its header.
HEAD_SECONDS = 20.0
# From there to the end of its body.
BODY_SECONDS = 60.0
# How long a client may take to receive one part of an answer, where it is waited for.
SEND_SECONDS = 60.0
# Longer headers are refused. A single field of 64 KiB passes (limit_request_field_size).
HEAD_BYTES = 128 * 1024
# The longest body that Django reads, uploads apart (DATA_UPLOAD_MAX_MEMORY_SIZE).
BODY_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024

END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?=\r\n)")
CONVERSATION = (b"\r\ntransfer-encoding:", b"\r\nexpect:")

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
