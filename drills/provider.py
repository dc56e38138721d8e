"""A language model's server that takes its time and says something else to each question."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Provider(ThreadingHTTPServer):
    """Speaks Ollama's protocol; answers after `seconds` with the number in the question."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.seconds = 0.3

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.server.seconds)
        number = re.findall(r"charge\? (\d+)", body["messages"][-1]["content"])[-1]
        message = {"role": "assistant", "content": answer_to(int(number))}
        content = json.dumps({"model": "m", "message": message, "done": True}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):  # whoever asked was killed
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def question(number: int) -> str:
    return f"Do you ship orders to Norway, Sweden and Denmark free of charge? {number}"


def answer_to(number: int) -> str:
    return f"Yes, number {number}, we do."


@contextmanager
def running_provider() -> Iterator[Provider]:
    with Provider() as provider:
        thread = threading.Thread(target=provider.serve_forever, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            provider.shutdown()
            thread.join()
