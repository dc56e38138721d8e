"""Every answer that is not good news is JSON with one text."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chatbots import api as chatbots_api
from chatbots.models import Chatbot
from core.db import is_readable
from insitechat import errors
from tests.conftest import ApiClient, detail

CHAT = "/chatbots/{}/chat"


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v2/chatbots", "/api/v1x", "/api/v1/chatbots/1/2/3", "/api/v1/../x"]
)
@pytest.mark.parametrize("debug", [True, False])
def test_unknown_paths(api: ApiClient, path: str, debug: bool, settings: Settings) -> None:
    settings.DEBUG = debug
    response = Client().get(path, headers=api._headers)
    assert response.status_code == 404
    assert detail(response) == "Not Found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/chatbots", "GET"),
        ("DELETE", "/chatbots/00000000-0000-0000-0000-000000000000", "GET"),
        ("GET", "/chatbots/00000000-0000-0000-0000-000000000000/chat", "POST"),
        ("BREW", "/chatbots", "GET"),
    ],
)
def test_methods_that_a_path_does_not_have(
    api: ApiClient, method: str, path: str, allowed: str
) -> None:
    response = api.request(method, path)
    assert response.status_code == 405
    assert detail(response) == "Method Not Allowed"
    assert response.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b'{"message": "x"', "application/json", "body: not valid JSON: "),
        (b"\xff\xfe{", "application/json", "body: not valid "),
        (b'{"message": "\xff"}', "application/json", "body: not valid UTF-8 at byte 13"),
        (b"[" * 100_000, "application/json", "body: nested too deeply"),
        (b"null", "application/json", "body: has to be a JSON object"),
        (b"", "application/json", "body: Field required"),
        (b'{"message": "x"}', "text/plain", "body: the Content-Type has to be application/json"),
        (b"message=x", "application/x-www-form-urlencoded", "body: the Content-Type has to be"),
        (b'{"message": "x"}', "", "body: the Content-Type has to be application/json"),
        (
            b'{"message": ' + b"9" * 5000 + b"}",
            "application/json",
            "body: a number has too many digits",
        ),
    ],
)
def test_bodies_that_cannot_be_read(
    api: ApiClient, chatbot: Chatbot, body: bytes, content_type: str, said: str
) -> None:
    response = api.request("POST", CHAT.format(chatbot.id), data=body, content_type=content_type)
    assert response.status_code == 400
    assert detail(response).startswith(said)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_ways_to_say_json(api: ApiClient, chatbot: Chatbot, content_type: str) -> None:
    response = api.request(
        "POST", CHAT.format(chatbot.id), data=b'{"message": "x"}', content_type=content_type
    )
    assert response.status_code == 200


@pytest.mark.parametrize("debug", [True, False])
def test_too_large_a_body(
    api: ApiClient, chatbot: Chatbot, debug: bool, settings: Settings
) -> None:
    settings.DEBUG = debug
    response = api.post(CHAT.format(chatbot.id), {"message": "x" * 1024 * 1024})
    assert response.status_code == 413
    assert detail(response) == "The request is too large."


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Make the chatbots endpoints raise."""

    def install(error: Exception) -> None:
        def fail(*_: Any) -> None:
            raise error

        monkeypatch.setattr(chatbots_api, "access_chatbot", fail)

    return install


@pytest.mark.parametrize("debug", [True, False])
def test_a_bug_says_nothing_of_itself(
    api: ApiClient,
    chatbot: Chatbot,
    breaking: Callable[[Exception], None],
    debug: bool,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.DEBUG = debug
    breaking(RuntimeError("secret of the house"))
    response = api.get(f"/chatbots/{chatbot.id}")
    assert response.status_code == 500
    assert response.content == b'{"detail": "Internal Server Error"}'
    assert response.headers["RateLimit"] == '"default";r=59;t=60'
    assert "secret of the house" in caplog.text


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
def test_a_database_that_is_gone(
    api: ApiClient, chatbot: Chatbot, breaking: Callable[[Exception], None], error: Exception
) -> None:
    breaking(error)
    response = api.get(f"/chatbots/{chatbot.id}")
    assert response.status_code == 503
    assert response.content == b'{"detail": "Service temporarily unavailable."}'


def test_a_host_that_is_not_ours(api: ApiClient) -> None:
    response = Client().get("/api/v1/chatbots", headers={**api._headers, "Host": "evil.example"})
    assert response.status_code == 400
    assert detail(response) == "Bad Request"


def test_plain_http_is_refused_where_https_is_promised(api: ApiClient, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    response = api.get("/chatbots")
    assert response.status_code == 403
    assert detail(response) == "HTTPS is required."


def test_pages_answer_as_pages(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


def test_a_session_that_the_server_ended_in_a_transaction_is_a_503(transactional_db: None) -> None:
    def dawdle() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 10")
            is_readable(connection.connection, None)
            cursor.execute("SELECT 1")

    with pytest.raises(Error) as raised:
        dawdle()
    assert errors.meaning_of(raised.value) is errors.UNAVAILABLE
