"""A language model's server that tests hold in their hands."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LlmServer:
    """Speaks Chat Completions and Ollama's protocol; says what the test wants it to."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.reply = "Yes, we do."
        self.status = 200
        self.raw: bytes | None = None
        self.delay_seconds = self.trickle_seconds = 0.0
        self.may_answer = threading.Event()
        self.may_answer.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append((self.path, headers, body))
                outer.may_answer.wait()
                time.sleep(outer.delay_seconds)
                content = outer.raw if outer.raw is not None else outer.answer(self.path)
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                for byte in content if outer.trickle_seconds else ():
                    self.wfile.write(bytes([byte]))
                    time.sleep(outer.trickle_seconds)
                self.wfile.write(b"" if outer.trickle_seconds else content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
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

    def close(self) -> None:
        """Stop listening; again is no error."""
        self.may_answer.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
