"""The proof of the limits: it passes on the real stack, and it can fail."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from insitechat import proof
from insitechat.paths import PROJECT

Answer = Callable[[str], int]
GET = proof.Call("GET", "/")


class QuickServer(ThreadingHTTPServer):
    request_queue_size = 512


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], int]]:
    """Serve what a function of the method answers; yields what starts it and returns its port."""
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
                """Say nothing."""

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
    done = subprocess.run(
        [sys.executable, "-m", "insitechat.local.manage", "prove_limits"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = [line.rsplit("  ", 1)[1].strip() for line in done.stdout.splitlines()]
    assert figures[:3] == ["60", "5", "0"]


def test_a_service_without_a_limit_is_found_out(serve: Callable[[Answer], int]) -> None:
    assert proof.count_admitted(target(serve(lambda _: 200))) == 600


def test_a_service_without_a_cap_is_found_out(serve: Callable[[Answer], int]) -> None:
    assert proof.count_created(target(serve(lambda _: 201))) == 50


def test_a_failing_service_proves_nothing(serve: Callable[[Answer], int]) -> None:
    with pytest.raises(proof.CannotTell, match=r"Expected \[200, 429\]"):
        proof.count_admitted(target(serve(lambda _: 500)))


def test_accepted_calls_after_a_revocation_are_counted(serve: Callable[[Answer], int]) -> None:
    revoked = threading.Event()
    every_other = itertools.cycle((200, 401))

    def answer(method: str) -> int:
        if method == "DELETE":
            revoked.set()
            return 204
        return next(every_other) if revoked.is_set() else 200

    accepted, milliseconds = proof.revoke_under_fire(target(serve(answer)))
    assert accepted > 0
    assert milliseconds > 0


def test_a_revocation_without_effect_is_found_out(serve: Callable[[Answer], int]) -> None:
    port = serve(lambda method: 204 if method == "DELETE" else 200)
    with pytest.raises(proof.CannotTell, match="No call was refused"):
        proof.revoke_under_fire(target(port))


@pytest.mark.parametrize("counts", [(61, 5, 0), (59, 5, 0), (60, 6, 0), (60, 5, 1)])
def test_anything_else_is_not_exact(counts: tuple[int, int, int]) -> None:
    assert not proof.Figures(*counts, milliseconds_to_refusal=1).are_exact
    assert proof.Figures(60, 5, 0, milliseconds_to_refusal=1).are_exact
