"""Slow and odd clients of the real server: they hold up nobody, and are answered all the same."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from accounts.models import Plan, User
from apikeys import tokens
from apikeys.services import CreatedKey, create_api_key
from chatbots.models import Chatbot, Source
from insitechat.serving import connections
from insitechat.serving.client_socket import SEND_BUFFER_BYTES
from tests.conftest import Service, start_service, stop_service

KEY = tokens.generate().plaintext.encode()
THREADS = 16
HEAD = b"POST /api/v1/chatbots/%s/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
JSON = b"Content-Type: application/json\r\n"
LONG_FILE = "/static/admin/js/vendor/xregexp/xregexp.js"  # longer than any buffer
ORDINARY_FILE = "/static/core/style.css"
LISTING = b"GET /api/v1/chatbots HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n\r\n"


@pytest.fixture
def small(transactional_db: None, tmp_path: Path) -> Iterator[Service]:
    """Return a server of one process, which a handful of requests would fill."""
    service = start_service(
        tmp_path,
        WEB_CONCURRENCY="1",
        WEB_THREADS=str(THREADS),
        DATABASE_CONNECTIONS="2",
        DATABASE_REQUEST_SECONDS="60",
    )
    yield service
    stop_service(service)


def connect(service: Service) -> socket.socket:
    address = urlsplit(service.url)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def status(connection: socket.socket) -> int:
    """Return the status of the next answer on the connection, and read past it."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += (data := connection.recv(1))
        assert data, received
    head, _, _ = received.partition(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    left = int(length[0].split(b":")[1]) if length else 0
    while left:
        left -= len(connection.recv(left))
    return int(head.split()[1])


def test_slow_clients_hold_no_thread(
    small: Service, alices_key: CreatedKey, chatbot: Chatbot
) -> None:
    key = alices_key.token.plaintext.encode()
    of_chatbot = str(chatbot.id).encode()
    unfinished = (
        b"GET / HTTP/1.1\r\nHost: 127",
        (HEAD + JSON + b"Content-Length: 9000\r\n\r\n{") % (of_chatbot, KEY),
        (HEAD + JSON + b"Content-Length: 9000\r\n\r\n{") % (of_chatbot, key),
        b"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000\r\n\r\nlogin=",
        # The second request of a connection.
        (LISTING + b"GET / HTTP/1.1\r\nHost") % KEY,
    )
    with ExitStack() as stack:
        for request in unfinished * 3 * THREADS:
            client = stack.enter_context(connect(small))
            client.sendall(request)
            if b"\r\n\r\nGET" in request:
                assert client.recv(1)  # so that they do not wait for a connection to the database
        with connect(small) as connection:
            connection.sendall(LISTING % key)
            assert status(connection) == 200


def test_clients_that_do_not_close_hold_up_nobody(small: Service) -> None:
    with ExitStack() as stack:
        for _ in range(60):  # gunicorn's own worker waits two seconds for each, one by one
            connection = stack.enter_context(connect(small))
            connection.sendall(b"no HTTP\r\n\r\n")
        with connect(small) as connection:
            connection.sendall(LISTING % KEY)
            assert status(connection) == 401


def test_a_request_in_pieces_is_answered(
    service: Service, alices_key: CreatedKey, chatbot: Chatbot
) -> None:
    body = b'{"message": "Do you ship to Norway?"}'
    request = (HEAD + JSON + b"Content-Length: %d\r\n\r\n%s") % (
        str(chatbot.id).encode(),
        alices_key.token.plaintext.encode(),
        len(body),
        body,
    )
    with connect(service) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(0, len(request), 7):
            connection.sendall(request[position : position + 7])
        assert status(connection) == 200


def test_what_waits_for_permission_gets_it(
    service: Service, alices_key: CreatedKey, chatbot: Chatbot
) -> None:
    body = b'{"message": "Do you ship to Norway?"}'
    head = (HEAD + JSON + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n") % (
        str(chatbot.id).encode(),
        alices_key.token.plaintext.encode(),
        len(body),
    )
    with connect(service) as connection:
        connection.sendall(head)
        assert status(connection) == 100
        connection.sendall(body)
        assert status(connection) == 200


def test_pipelined_requests_are_answered_in_order(service: Service, alices_key: CreatedKey) -> None:
    good = LISTING % alices_key.token.plaintext.encode()
    with connect(service) as connection:
        connection.sendall(good + LISTING % KEY + good)
        assert [status(connection) for _ in range(3)] == [200, 401, 200]


def test_a_header_without_end_is_refused(service: Service) -> None:
    with connect(service) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nA: " + b"a" * 2 * connections.HEAD_BYTES)
        assert status(connection) == 431


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        (b"Content-Length: 17", 17),
        (b"CONTENT-LENGTH:17 ", 17),
        (b"Content-Length: 17\r\nContent-Length: 17", 0),
        (b"Content-Length: 17\r\nTransfer-Encoding: chunked", 0),
        (b"Content-Length: 17\r\nExpect: 100-continue", 0),
        (b"Content-Length: +17", 0),
        (b"Content-Length: 1_7", 0),
        (b"X-Content-Length: 17", 0),
        (b"Content-Length: %d" % connections.BODY_BYTES, connections.BODY_BYTES),
        (b"Content-Length: %d" % (connections.BODY_BYTES + 1), 0),
        (b"Host: 127.0.0.1", 0),
    ],
)
def test_bodies_that_are_waited_for(fields: bytes, length: int) -> None:
    assert connections.body_length(b"POST / HTTP/1.1\r\nA: b\r\n%s\r\n" % fields) == length


def silent_reader(service: Service, request: bytes) -> socket.socket:
    """Send a request from a client that has room for next to nothing of its answer."""
    address = urlsplit(service.url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    # Short segments, as on a network; the kernel has larger buffers for those of the loopback.
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    client.settimeout(60)
    client.connect((address.hostname, address.port))
    client.sendall(request)
    return client


def answer_of(client: socket.socket) -> tuple[int, int]:
    """Read to the connection's end; return the length that was announced, and what came."""
    received = b"".join(iter(partial(client.recv, 1 << 16), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return int(lengths[0].split(b":")[1]), len(body)


def get(path: str, *fields: bytes) -> bytes:
    lines = [b"GET %s HTTP/1.1" % path.encode(), b"Host: 127.0.0.1", b"Connection: close", *fields]
    return b"\r\n".join([*lines, b"", b""])


@pytest.mark.parametrize("path", [ORDINARY_FILE, LONG_FILE])
def test_clients_that_do_not_read_hold_up_nobody(
    small: Service, alices_key: CreatedKey, path: str
) -> None:
    with ExitStack() as stack:
        for _ in range(20 * THREADS):
            stack.enter_context(silent_reader(small, get(path)))
        with connect(small) as connection:
            connection.sendall(LISTING % alices_key.token.plaintext.encode())
            assert status(connection) == 200


def test_ordinary_answers_wait_for_no_client(small: Service) -> None:
    with ExitStack() as stack:
        clients = [
            stack.enter_context(silent_reader(small, get(ORDINARY_FILE))) for _ in range(200)
        ]
        for client in clients:
            announced, received = answer_of(client)
            assert received == announced > 0


def test_a_long_list_that_nobody_reads_holds_up_nobody(
    small: Service, alice: User, stranger: User, chatbot: Chatbot
) -> None:
    plan = Plan.objects.create(name="Large", requests_per_minute=10_000)
    User.objects.filter(pk=alice.pk).update(plan=plan)
    key = create_api_key(alice, "Many calls").token.plaintext.encode()
    strangers_key = create_api_key(stranger, "Other").token.plaintext.encode()
    Source.objects.bulk_create(
        Source(chatbot=chatbot, type=Source.Type.TEXT, title=f"{number} {'x' * 150}")
        for number in range(900)
    )
    request = get(f"/api/v1/chatbots/{chatbot.id}/sources", b"Authorization: Bearer %s" % key)
    with connect(small) as connection:
        connection.sendall(request)
        assert answer_of(connection)[1] > 2 * SEND_BUFFER_BYTES
    with ExitStack() as stack:
        for _ in range(20 * THREADS):
            client = stack.enter_context(silent_reader(small, request))
            assert client.recv(1)  # so that they do not wait for a connection to the database
        with connect(small) as connection:
            connection.sendall(LISTING % strangers_key)
            assert status(connection) == 200


def test_few_threads_wait_for_readers_of_long_answers(small: Service) -> None:
    with ExitStack() as stack:
        clients = [
            stack.enter_context(silent_reader(small, get(LONG_FILE))) for _ in range(4 * THREADS)
        ]
        with connect(small) as connection:  # answered behind all of them
            connection.sendall(get("/healthz"))
            assert status(connection) == 200
        answers = [answer_of(client) for client in clients]
    assert 1 <= sum(received == announced for announced, received in answers) <= THREADS


def test_a_slow_reader_gets_a_long_answer_as_a_whole(small: Service) -> None:
    with silent_reader(small, get(LONG_FILE)) as client:
        with connect(small) as connection:
            connection.sendall(get("/healthz"))
            assert status(connection) == 200
        announced, received = answer_of(client)
    assert received == announced > 2 * SEND_BUFFER_BYTES
