"""A server that behaves as no HTTP server should, down to the single byte."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

GIVES_UP_AFTER_SECONDS = 20.0

Conversation = Callable[["RawServer", socket.socket], None]


class RawServer:
    """Holds a conversation on each connection, one after the other, until the client leaves.

    `left` is set once a client has closed its connection, and not where the server gave up first.
    """

    def __init__(self, converse: Conversation, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.requests: list[bytes] = []
        self.left = threading.Event()
        self._converse = converse
        self._connection: socket.socket | None = None
        self._listener = socket.create_server(address)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                self._connection, _ = self._listener.accept()
            except OSError:  # shut down
                return
            with self._connection as connection:
                connection.settimeout(GIVES_UP_AFTER_SECONDS)
                self._hold(connection)

    def _hold(self, connection: socket.socket) -> None:
        try:
            self._converse(self, connection)
            while connection.recv(65536):
                pass
        except TimeoutError:
            return
        except OSError:
            pass  # reset or closed while the server was sending
        self.left.set()

    def read_request(self, connection: socket.socket) -> None:
        """Read one request, its body included."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += read(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().splitlines()
            if line.startswith(b"content-length:")
        )
        while len(body) < length:
            body += read(connection)
        self.requests.append(head + b"\r\n\r\n" + body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        if self._connection is not None:
            with suppress(OSError):  # closed already
                self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


def saying(answer: bytes) -> Conversation:
    """Answer a request with these bytes, whole or not, and leave the connection open."""

    def converse(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(answer)

    return converse


def read(connection: socket.socket) -> bytes:
    """Return what has come. Raises ConnectionError once nothing more will."""
    received = connection.recv(65536)
    if not received:
        raise ConnectionError("closed by the client")
    return received


def drip(connection: socket.socket, first: bytes, then: bytes) -> None:
    """Send the first bytes at once and the others again and again, far apart enough to bore."""
    connection.sendall(first)
    end = time.monotonic() + GIVES_UP_AFTER_SECONDS
    while time.monotonic() < end:
        for byte in then:
            connection.sendall(bytes([byte]))
            time.sleep(0.01)
    raise TimeoutError
