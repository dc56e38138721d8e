"""A language model's server that tests hold in their hands."""

import json
import re
import select
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LlmServer:
    """Speaks Chat Completions and Ollama's protocol; says what the test wants it to.

    Asked for a stream, it says `pieces`, or else its reply word by word. Between two pieces it
    waits for `may_go_on`; `left` is set if the client leaves meanwhile.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.connections: set[tuple[str, int]] = set()
        self.reply = "Yes, we do."
        self.pieces: list[str] | None = None
        self.breaks_off = False
        self.status = 200
        self.raw: bytes | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.left = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def answer(self, path: str) -> bytes:
        message = {"role": "assistant", "content": self.reply}
        if path == "/api/chat":
            return json.dumps({"model": "m", "message": message, "done": True}).encode()
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return json.dumps(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [choice],
            }
        ).encode()

    def lines(self, path: str) -> Iterator[bytes]:
        """Yield what a stream is made of; the last line says that it ends there."""
        for piece in self.pieces or re.findall(r"\s*\S+\s*", self.reply):
            yield self.line(path, piece, is_last=False)
        if not self.breaks_off:
            yield self.line(path, "", is_last=True)

    def line(self, path: str, piece: str, *, is_last: bool) -> bytes:
        message = {"role": "assistant", "content": piece}
        if path == "/api/chat":
            return json.dumps({"message": message, "done": is_last}).encode() + b"\n"
        finish_reason = "stop" if is_last else None
        choice = {"index": 0, "delta": message, "finish_reason": finish_reason}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        line = b"data: %b\n\n" % json.dumps(chunk | {"choices": [choice]}).encode()
        return line + b"data: [DONE]\n\n" * is_last

    def close(self) -> None:
        """Stop listening; again is no error."""
        self.may_answer.set()
        self.may_go_on.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, llm: LlmServer, *args: Any) -> None:
        self.llm = llm
        super().__init__(*args)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.llm.requests.append((self.path, headers, body))
        self.llm.connections.add(self.client_address)
        if not self.is_let(self.llm.may_answer):
            return
        if body.get("stream") and self.llm.raw is None and self.llm.status == 200:
            self.stream()
            return
        content = self.llm.raw if self.llm.raw is not None else self.llm.answer(self.path)
        self.send_response(self.llm.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, line in enumerate(self.llm.lines(self.path)):
            if number and not self.is_let(self.llm.may_go_on):
                return
            self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")

    def is_let(self, event: threading.Event) -> bool:
        while not event.wait(0.01):
            if select.select([self.connection], [], [], 0)[0]:
                self.llm.left.set()
                self.close_connection = True
                return False
        return True

    def log_message(self, *_: Any) -> None:
        pass
