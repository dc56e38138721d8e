"""However a provider stalls, the exchange with it is over at its deadline, and nothing is left."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx2
import pytest
from pytest_django import Settings

from accounts.models import User
from chatbots import waiting
from chatbots.models import Chatbot, Message, MessageUsage
from chatbots.providers.client import http_client
from core import deadline
from tests.chatbots.providers.raw_server import Conversation, RawServer, drip, saying
from tests.conftest import ApiClient, detail


def dripping(first: bytes, then: bytes) -> Conversation:
    def converse(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        drip(connection, first, then)

    return converse


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Make it later for deadlines than it is."""
    monkeypatch.setattr(deadline, "monotonic", lambda: time.monotonic() + seconds)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STALLING: dict[str, Conversation] = {
    "silent": saying(b""),
    "status line": dripping(b"HTTP/1.1 200 O", b"K"),
    "headers": dripping(OK, b"X-More: more\r\n"),
    "interim answers": dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "body": dripping(OK + b"Content-Length: 1000000\r\n\r\n{", b" "),
    "chunks": dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "body without an end": dripping(OK + b"Connection: close\r\n\r\n{", b" "),
    "error": dripping(b"HTTP/1.1 500 Oops\r\nContent-Length: 1000000\r\n\r\n", b"x"),
}


@pytest.fixture(params=["chatgpt", "ollama"])
def bot(request: pytest.FixtureRequest, chatbot: Chatbot, settings: Settings) -> Chatbot:
    settings.OPENAI_API_KEY = "openai-secret"
    settings.PROVIDER_TIMEOUT_SECONDS = 0.4
    Chatbot.objects.update(provider=request.param)
    return chatbot


@pytest.fixture
def ask(
    api: ApiClient, bot: Chatbot, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Return a function that has the chatbot ask the provider at an address, and get no answer."""
    api.get("/chatbots")  # starts the threads that look after Redis
    places = threading.Semaphore(1)
    monkeypatch.setattr(waiting, "places", places)

    def ask(address: str) -> None:
        settings.OPENAI_BASE_URL = settings.OLLAMA_BASE_URL = address
        threads = set(threading.enumerate())
        response = api.post(f"/chatbots/{bot.id}/chat", {"message": "Do you ship to Norway?"})
        assert set(threading.enumerate()) <= threads
        assert places.acquire(blocking=False)
        assert response.status_code == 502
        assert detail(response) == "The chatbot's provider did not answer."

    return ask


@pytest.mark.parametrize("converse", STALLING.values(), ids=STALLING.keys())
def test_a_provider_that_stalls_leaves_nothing_behind(
    ask: Callable[[str], None], alice: User, converse: Conversation
) -> None:
    with RawServer(converse) as server:
        ask(server.url)
        assert server.left.wait(60)
        assert len(server.requests) == 1  # not tried twice: the caller waits
    assert MessageUsage.objects.get(owner=alice).used == 0
    assert not Message.objects.exists()


@pytest.mark.parametrize("then", [b"", b"\x02"], ids=["silent", "dripping"])
def test_a_tls_handshake_that_stalls(ask: Callable[[str], None], then: bytes) -> None:
    def converse(server: RawServer, connection: socket.socket) -> None:
        server.requests.append(connection.recv(65536))
        if then:  # of a record of 16 KiB
            drip(connection, b"\x16\x03\x03\x40\x00", then)

    with RawServer(converse) as server:
        ask(server.url.replace("http:", "https:"))
        assert server.left.wait(60)
        assert server.requests[0].startswith(b"\x16\x03")


@pytest.fixture
def unreachable() -> Iterator[int]:
    """Return a port where connections are neither accepted nor refused: its backlog is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_provider_that_accepts_no_connection(
    ask: Callable[[str], None], unreachable: int
) -> None:
    ask(f"http://127.0.0.1:{unreachable}")


def test_a_host_of_many_addresses_has_one_deadline(
    monkeypatch: pytest.MonkeyPatch, unreachable: int
) -> None:
    monkeypatch.setattr(deadline, "look_up", lambda host, port: ["127.0.0.1"] * 100)
    start = time.monotonic()
    with pytest.raises(httpx2.TimeoutException):
        http_client.post(f"http://many.example:{unreachable}", timeout=0.5)
    assert time.monotonic() - start < 25  # each address could take 0.5 s


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch, unreachable: int
) -> None:
    monkeypatch.setattr(deadline, "look_up", lambda host, port: ["127.0.0.1", "127.0.0.2"])
    with RawServer(saying(OK + b"Content-Length: 2\r\n\r\n{}"), ("127.0.0.2", unreachable)):
        url = f"http://two.example:{unreachable}"
        assert http_client.post(url, json={}, timeout=2).json() == {}


def test_a_name_that_took_too_long_to_look_up_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look_up(host: str, port: int) -> list[str]:
        pass_time(monkeypatch, 20)
        return ["127.0.0.1"]

    monkeypatch.setattr(deadline, "look_up", look_up)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://slow.example:{listener.getsockname()[1]}"
        with pytest.raises(httpx2.TimeoutException):
            http_client.post(url, json={}, timeout=15)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_provider_that_reads_slowly() -> None:
    content = bytes(50_000_000)
    received = 0

    def converse(_: RawServer, connection: socket.socket) -> None:
        nonlocal received
        slow_until = time.monotonic() + 1
        while part := connection.recv(200_000):
            received += len(part)
            if time.monotonic() < slow_until:
                time.sleep(0.01)

    with RawServer(converse) as server:
        with pytest.raises(httpx2.TimeoutException):
            http_client.post(server.url, content=content, timeout=0.3)
        assert server.left.wait(60)
    assert received < len(content)


class TestStreams:
    """What an answer that is passed on while it comes will be read by."""

    def test_a_stream_ends_by_the_deadline_of_its_exchange(self) -> None:
        with RawServer(dripping(OK + b"Connection: close\r\n\r\n", b"data: {}\n\n")) as server:
            with (
                pytest.raises(httpx2.TimeoutException),
                http_client.stream("POST", server.url, content=b"", timeout=0.5) as response,
            ):
                list(response.iter_lines())
            assert server.left.wait(60)

    def test_a_reader_that_leaves_ends_the_exchange(self) -> None:
        with RawServer(dripping(OK + b"Connection: close\r\n\r\n", b"data: {}\n\n")) as server:
            with http_client.stream("POST", server.url, content=b"", timeout=15) as response:
                assert next(response.iter_lines()) == "data: {}"
            assert server.left.wait(60)

    def test_the_readers_pauses_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with (
            RawServer(saying(OK + b"Connection: close\r\n\r\na\n")) as server,
            http_client.stream("POST", server.url, content=b"", timeout=15) as response,
        ):
            chunks = response.iter_raw()
            assert next(chunks) == b"a\n"
            pass_time(monkeypatch, 20)
            with pytest.raises(httpx2.TimeoutException):
                next(chunks)
            assert server.left.wait(60)
