"""The proof of the limits passes on the real stack and fails on inexact services."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from insitechat.operations import proof
from insitechat.operations.paths import PROJECT

Answer = Callable[[str], int]
GET = proof.Call("GET", "/")


class QuickServer(ThreadingHTTPServer):
    request_queue_size = 512


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], int]]:
    """Return a function that starts a server with the given answers and returns its port."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> int:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.send_response(answer(self.command))
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_DELETE = do_POST = answer  # noqa: N815 (the base class calls them so)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        server = QuickServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def target(port: int) -> proof.Target:
    return proof.Target(port, GET, proof.Call("POST", "/"), 201, GET, proof.Call("DELETE", "/"))


def test_the_whole_stack_is_exact() -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "insitechat.operations.local.manage", "prove_limits"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    figures = [line.rsplit("  ", 1)[1].strip() for line in completed.stdout.splitlines()]
    assert figures[:3] == ["60", "5", "0"]


def test_missing_limit_is_detected(serve: Callable[[Answer], int]) -> None:
    assert proof.count_admitted(target(serve(lambda _: 200))) == 600


def test_missing_cap_is_detected(serve: Callable[[Answer], int]) -> None:
    assert proof.count_created(target(serve(lambda _: 201))) == 50


def test_failing_service_is_inconclusive(serve: Callable[[Answer], int]) -> None:
    with pytest.raises(proof.Inconclusive, match=r"Expected \[200, 429\]"):
        proof.count_admitted(target(serve(lambda _: 500)))


def test_accepted_calls_after_a_revocation_are_counted(serve: Callable[[Answer], int]) -> None:
    revoked = threading.Event()
    alternating = itertools.cycle((200, 401))

    def answer(method: str) -> int:
        if method == "DELETE":
            revoked.set()
            return 204
        return next(alternating) if revoked.is_set() else 200

    accepted, milliseconds = proof.revoke_under_fire(target(serve(answer)))
    assert accepted > 0
    assert milliseconds > 0


def test_revocation_without_effect_is_inconclusive(serve: Callable[[Answer], int]) -> None:
    port = serve(lambda method: 204 if method == "DELETE" else 200)
    with pytest.raises(proof.Inconclusive, match="No call was refused"):
        proof.revoke_under_fire(target(port))


@pytest.mark.parametrize("counts", [(61, 5, 0), (59, 5, 0), (60, 6, 0), (60, 5, 1)])
def test_other_counts_are_not_exact(counts: tuple[int, int, int]) -> None:
    assert not proof.Figures(*counts, milliseconds_to_refusal=1).are_exact
    assert proof.Figures(60, 5, 0, milliseconds_to_refusal=1).are_exact
