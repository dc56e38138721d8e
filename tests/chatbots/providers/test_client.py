"""The client that all providers share: what it keeps, follows, accepts and goes through."""

import gzip
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore

import httpx2
import pytest

from chatbots.providers import client
from chatbots.providers.client import http_client, transport
from insitechat.operations.paths import PROJECT
from tests.chatbots.llm_server import LlmServer
from tests.chatbots.providers.raw_server import RawServer, saying

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def llm() -> Iterator[LlmServer]:
    server = LlmServer()
    yield server
    server.close()


def post(url: str) -> httpx2.Response:
    return http_client.post(url, json={}, timeout=15)


def test_connections_are_used_again(llm: LlmServer) -> None:
    for _ in range(3):
        assert post(llm.url).status_code == 200
    assert len(llm.connections) == 1


def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    closed = Semaphore(0)

    def converse(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(OK + b"Content-Length: 2\r\n\r\n{}")
        connection.shutdown(socket.SHUT_WR)
        closed.release()

    with RawServer(converse) as server:
        for _ in range(3):
            assert post(server.url).json() == {}
            assert closed.acquire(timeout=30)


def test_many_threads_share_it(llm: LlmServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(post, [llm.url] * 100))
    assert {response.status_code for response in responses} == {200}
    assert len(llm.requests) == 100
    assert len(llm.connections) <= 8


def test_a_child_has_its_own(llm: LlmServer) -> None:
    code = f"""
import django, os
django.setup()
from chatbots.providers.client import http_client
def ask():
    http_client.post({llm.url!r}, json={{}}, timeout=15).raise_for_status()
ask()
child = os.fork()
ask()
if child:
    ask()
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True, timeout=60)
    assert len(llm.requests) == 4
    assert len(llm.connections) == 2


def test_only_its_users_import_it() -> None:
    code = """
import django, sys
django.setup()
import insitechat.urls
print(*sorted({"httpx2", "httpcore2", "openai"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, check=True, timeout=60, capture_output=True
    )
    assert done.stdout == b"\n"


def test_what_ends_too_early_is_an_error() -> None:
    def converse(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(OK + b'Content-Length: 100\r\n\r\n{"')
        connection.shutdown(socket.SHUT_RDWR)

    with RawServer(converse) as server, pytest.raises(httpx2.TransportError):
        post(server.url)


@pytest.mark.parametrize("length", [b"Connection: close", b"Content-Length: 10000000000"])
def test_an_answer_that_is_too_large_is_cut_off(length: bytes) -> None:
    sent = 0

    def converse(server: RawServer, connection: socket.socket) -> None:
        nonlocal sent
        server.read_request(connection)
        connection.sendall(OK + length + b"\r\n\r\n")
        while sent < 10_000_000_000:
            sent += connection.send(bytes(1_000_000))

    with RawServer(converse) as server:
        with pytest.raises(httpx2.ReadError):
            post(server.url)
        assert server.left.wait(60)
    assert sent < 10 * client.MAX_RESPONSE_BYTES


def test_headers_without_end_are_cut_off() -> None:
    def converse(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(OK)
        while True:
            connection.sendall(b"X-More: more\r\n" * 1000)

    with RawServer(converse) as server:
        with pytest.raises(httpx2.TransportError):
            post(server.url)
        assert server.left.wait(60)


def test_a_compressed_answer_is_refused() -> None:
    bomb = gzip.compress(bytes(100_000_000))
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with RawServer(saying(OK + head + bomb)) as server:
        with pytest.raises(httpx2.DecodingError):
            post(server.url)
        assert server.left.wait(60)
        assert b"\r\naccept-encoding: identity\r\n" in server.requests[0].lower()


def test_redirects_are_not_followed(llm: LlmServer) -> None:
    head = f"HTTP/1.1 307 Elsewhere\r\nLocation: {llm.url}\r\nContent-Length: 0\r\n\r\n"
    with RawServer(saying(head.encode())) as server:
        assert post(server.url).status_code == 307
    assert not llm.requests


def test_cookies_are_not_kept() -> None:
    with RawServer(saying(OK + b"Set-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")) as server:
        post(server.url)
        transport.close()
        post(server.url)
        assert len(server.requests) == 2
        assert b"cookie" not in server.requests[1].lower()


class TestProxies:
    def test_plain_http_goes_through_the_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with RawServer(saying(OK + b"Content-Length: 2\r\n\r\n{}")) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//me:secret@"))
            assert post("http://ollama.example:11434/api/chat").json() == {}
        request = proxy.requests[0]
        assert request.startswith(b"POST http://ollama.example:11434/api/chat HTTP/1.1\r\n")
        assert b"\r\nproxy-authorization: basic bwu6c2vjcmv0\r\n" in request.lower()

    def test_tls_goes_through_its_tunnel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []

        def converse(_: RawServer, connection: socket.socket) -> None:
            seen.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            seen.append(connection.recv(65536))

        with RawServer(converse) as proxy:
            monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.port}")
            with pytest.raises(httpx2.TimeoutException):
                http_client.post("https://api.example/v1", json={}, timeout=0.4)
            assert proxy.left.wait(60)
        assert seen[0].startswith(b"CONNECT api.example:443 HTTP/1.1\r\n")
        assert seen[1].startswith(b"\x16\x03")

    def test_no_proxy_names_hosts_that_are_reached_directly(
        self, monkeypatch: pytest.MonkeyPatch, llm: LlmServer
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
        assert post(llm.url).status_code == 200

    @pytest.mark.parametrize("proxy", ["https://127.0.0.1:9", "socks5://127.0.0.1:9", "ftp://x"])
    def test_others_are_refused(self, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        with pytest.raises(httpx2.ProxyError, match="only http:// proxies"):
            post("http://ollama.example")
