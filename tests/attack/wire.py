"""HTTP by bare sockets, which send what no client library would."""

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

NO_BODY = (204, 304)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    head: bytes
    body: bytes


class Wire:
    """A connection that is kept, and opened again where the server has closed it."""

    def __init__(self, url: str, timeout: float = 60) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.timeout = timeout
        self._socket: socket.socket | None = None
        self._received = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def is_closed(self) -> bool:
        return self._socket is None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._received = None, b""

    def ask(self, request: bytes) -> Answer | None:
        """Return the answer to the request; None where the server closes without one."""
        is_fresh = self._socket is None
        answer = self._try(request)
        if answer is None and not is_fresh:  # it may have been closed between the requests
            answer = self._try(request)
        return answer

    def _try(self, request: bytes) -> Answer | None:
        try:
            self.send(request)
            return self.read(is_head=request.startswith(b"HEAD "))
        except ConnectionError:
            self.close()
            return None

    def send(self, data: bytes) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(self.address, self.timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(data)

    def end(self) -> None:
        """Say that nothing more will be sent."""
        if self._socket is not None:
            self._socket.shutdown(socket.SHUT_WR)

    def read(self, *, is_head: bool = False) -> Answer | None:
        """Read one answer; None where the server closes instead. Raises TimeoutError."""
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status = int(head.split(None, 2)[1])
        fields = head.lower().split(b"\r\n")[1:]
        body = b""
        if not is_head and status not in NO_BODY and status >= 200:
            lengths = [line for line in fields if line.startswith(b"content-length:")]
            if lengths:
                body = self._exactly(int(lengths[0].split(b":")[1]))
            elif b"transfer-encoding: chunked" in fields:
                body = self._chunks()
        if b"connection: close" in fields:
            self.close()
        return Answer(status, head, body)

    def _exactly(self, length: int) -> bytes:
        while len(self._received) < length and self._more():
            pass
        data, self._received = self._received[:length], self._received[length:]
        return data

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._received and self._more():
                pass
            size, _, self._received = self._received.partition(b"\r\n")
            chunk = self._exactly(int(size or b"0", 16) + 2)
            if len(chunk) <= 2:
                return body
            body += chunk[:-2]

    def _more(self) -> bool:
        if self._socket is None:
            return False
        data = self._socket.recv(65536)
        self._received += data
        if not data:
            self.close()
        return bool(data)
