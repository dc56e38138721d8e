"""What gunicorn answers by itself: in the API's shape, quoting nothing."""

import json
import socket
from urllib.parse import urlsplit

import httpx2
import pytest

from accounts.models import User
from apikeys import tokens
from apikeys.services import create_api_key
from tests.conftest import Service

KEY = tokens.generate().plaintext


def send(service: Service, request: bytes) -> tuple[int, dict[str, str], str]:
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    status, *fields = head.split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in fields), body


@pytest.mark.parametrize(
    ("request_", "status", "detail"),
    [
        (b"GET /api/v1/chatbots HTTP/1.1\r\nBearer %s\r\n\r\n", 400, "Bad Request"),
        (b"GET /api/v1/chatbots HTTP/1.1\r\nA: %s\0\r\n\r\n", 400, "Bad Request"),
        (b"%s\r\n\r\n", 400, "Bad Request"),
        (
            b"GET / HTTP/1.1\r\nAuthorization: Bearer %s" + b"x" * 200_000 + b"\r\n\r\n",
            431,
            "Request Header Fields Too Large",
        ),
        (b"GET /%s" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "Request-URI Too Long"),
    ],
)
def test_what_is_no_http_is_refused_without_quoting_it(
    server: Service, request_: bytes, status: int, detail: str
) -> None:
    answer = send(server, request_ % KEY.encode())
    assert answer[0] == status
    assert answer[1]["Content-Type"] == "application/json"
    assert json.loads(answer[2]) == {"detail": detail}
    assert KEY[8:] not in server.log.read_text()


def test_a_long_wrong_key_is_a_wrong_key(service: Service) -> None:
    request = (
        b"GET /api/v1/chatbots HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n\r\n"
    )
    status, _, body = send(service, request % (b"ic_" + b"x" * 60_000))
    assert (status, body) == (401, '{"detail": "Unauthorized"}')


def test_a_body_of_unknown_length_is_asked_for_its_length(service: Service) -> None:
    key = create_api_key(User.objects.create_user("a@example.org"), "x").token.plaintext
    with service.client(key) as client:
        response = client.post(
            "/chatbots/00000000-0000-0000-0000-000000000000/chat",
            content=iter([b'{"message": "x"}']),
            headers={"Content-Type": "application/json"},
        )
    assert response.status_code == 411
    assert response.json() == {"detail": "Send the body with a Content-Length."}
    assert response.headers["RateLimit"] == '"default";r=59;t=60'


@pytest.mark.parametrize("field", [b"SCRIPT_NAME: /elsewhere", b"PATH_INFO: /healthz"])
def test_no_proxy_changes_the_path(server: Service, field: bytes) -> None:
    request = b"GET /api/v1/chatbots HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n\r\n" % field
    assert send(server, request)[0] == 401


@pytest.mark.parametrize("path", ["/api/v1/chatbots", "/sign-in/", "/healthz", "/nowhere/"])
def test_a_head_request_is_no_news(service: Service, path: str) -> None:
    before = service.log.read_text()
    response = httpx2.head(f"{service.url}{path}", trust_env=False)
    assert response.content == b""
    assert service.log.read_text() == before
