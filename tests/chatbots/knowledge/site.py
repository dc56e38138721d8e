"""A web site on loopback, whose pages can change, and which remembers who asked for what."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html"})


def redirect(location: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": location})


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that leave."""


Page = str | bytes | Answer | Callable[[], "str | bytes | Answer"]


class Site:
    """Serves `pages` by path and query; anything else is 404. An ETag stands for each body."""

    def __init__(self, pages: dict[str, Page] | None = None) -> None:
        self.pages = pages or {}
        self.requests: list[tuple[str, int]] = []  # what was asked for, and how it was answered
        self.user_agents: set[str] = set()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.respond(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        answer = self.answer_to(handler.path)
        etag = f'"{hash(answer.body)}"'
        if answer.status == 200 and handler.headers["If-None-Match"] == etag:
            answer = Answer(status=304)
        self.requests.append((handler.path, answer.status))
        self.user_agents.add(handler.headers["User-Agent"])
        handler.send_response(answer.status)
        for name, value in ({"ETag": etag} | answer.headers).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    def answer_to(self, path: str) -> Answer:
        page = self.pages.get(path, Answer(b"<p>Nothing here", 404))
        page = page() if callable(page) else page
        if isinstance(page, Answer):
            return page
        return Answer(page.encode() if isinstance(page, str) else page)

    def paths(self, status: int | None = None) -> list[str]:
        """Return what was asked for so far, in order."""
        return [path for path, answered in self.requests if status in (None, answered)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
