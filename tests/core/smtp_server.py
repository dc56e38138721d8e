"""An SMTP server that does what a test wants."""

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread


class Session(socketserver.StreamRequestHandler):
    server: "SmtpServer"

    def handle(self) -> None:
        self.server.connections += 1
        if self.server.is_silent:
            self.rfile.read()
            return
        self.answer("220 here")
        for line in self.rfile:
            verb = line.split()[0].decode().upper()
            if verb == "DATA":
                self.answer("354 go on")
                self.take_message()
            elif verb == "RCPT" and self.server.refuses_with:
                self.answer(f"{self.server.refuses_with} <someone@example.org> is refused")
            elif verb == "QUIT" and self.server.hangs_up_on_quit:
                self.answer("421 overloaded")
                return
            else:
                self.answer("250 fine")

    def take_message(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.decode())
        self.server.messages.append("".join(lines))
        self.answer("250 taken")

    def answer(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class SmtpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    is_silent = False
    hangs_up_on_quit = False
    refuses_with = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.connections = 0
        self.messages: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


@contextmanager
def smtp_server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
