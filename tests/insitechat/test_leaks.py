"""A plaintext key is in the answer that creates it and nowhere else, whatever happens to it."""

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import Client
from django.views.debug import get_exception_reporter_class, technical_500_response
from pytest_django import Settings
from redis import Redis

from accounts.adapters import AccountAdapter
from accounts.models import User
from apikeys import auth, tokens
from apikeys.models import ApiKey
from apikeys.services import create_api_key, revoke_api_key
from chatbots.models import Chatbot
from core.redaction import RedactingFormatter
from tests.conftest import ApiClient
from tests.logged import logged

URL = "/api/v1/api-keys"
TYPED = "typed in good faith"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return the log as the service writes it."""
    with logged(RedactingFormatter("%(message)s"), logging.DEBUG) as stream:
        yield stream


@pytest.fixture
def raw_log() -> Iterator[io.StringIO]:
    """Return the log before keys are cut out of it, where none should be in the first place."""
    with logged(logging.Formatter("%(message)s"), logging.DEBUG) as stream:
        yield stream


def secret_part(plaintext: str) -> str:
    """Return what must not be found: the key without its prefix, which may be shown."""
    return plaintext[8:]


def everything_stored() -> str:
    """Return all rows of all tables and all of Redis as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT "{table}"::text FROM "{table}"')
            found += [row[0] for row in cursor.fetchall()]
    with Redis.from_url(django_settings.REDIS_URL) as client:
        for key in client.scan_iter():
            found.append(key.decode())
            is_text = client.type(key) == b"string"
            found.append(str(client.get(key) if is_text else client.zrange(key, 0, -1)))
    return "\n".join(found)


def drive_every_status(key: str, chatbot: Chatbot, owner: User) -> list[Any]:
    """Use a key until every status that an answer can have has been seen."""
    api = ApiClient(key)
    chat = f"/chatbots/{chatbot.id}/chat"
    answers = [
        api.get("/chatbots"),  # 200
        api.post(chat, {"message": "Do you ship to Norway?"}),  # 200
        api.get("/nowhere"),  # 404
        api.get(f"/{key}"),  # 404
        api.request("PUT", "/chatbots"),  # 405
        api.post(chat, {"message": ""}),  # 400
        api.post(chat, "{"),  # 400
        api.post(chat, {"message": "x" * 1024 * 1024}),  # 413
        ApiClient(f"{key}x").get("/chatbots"),  # 401, damaged
        ApiClient(f"{key} {key}").get("/chatbots"),  # 401, malformed
        Client().get("/api/v1/chatbots", headers={"Authorization": f"Basic {key}"}),
        Client().delete(f"{URL}/{key}"),  # 401
    ]
    Chatbot.objects.update(provider=Chatbot.Provider.CHATGPT)
    answers.append(api.post(chat, {"message": "Do you ship to Norway?"}))  # 502
    answers += [api.get("/chatbots") for _ in range(60)]  # 429
    revoke_api_key(owner.id, str(owner.api_keys.get(prefix=key[:8]).id))
    answers.append(api.get("/chatbots"))  # 401, revoked
    return answers


@pytest.mark.parametrize("debug", [True, False])
def test_no_status_leaves_the_key_behind(
    browser: Client,
    alice: User,
    chatbot: Chatbot,
    debug: bool,
    settings: Settings,
    raw_log: io.StringIO,
) -> None:
    settings.DEBUG = debug
    page = browser.get("/dashboard/developer/api-keys/create/")
    token = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    assert page.status_code == 200
    created = browser.post(URL, {"name": "x"}, content_type="application/json", headers=token)
    key = created.json()["key"]
    answers = drive_every_status(key, chatbot, alice)
    assert {answer.status_code for answer in answers} == {200, 400, 401, 404, 405, 413, 429, 502}
    secret = secret_part(key)
    for answer in answers:
        assert secret not in answer.content.decode()
        assert secret not in str(answer.headers)
    assert secret not in everything_stored()
    assert "Bad Gateway" in raw_log.getvalue()  # so the log was listened to
    assert secret not in raw_log.getvalue()


def test_a_created_key_is_in_no_store(browser: Client) -> None:
    browser.get("/dashboard/developer/api-keys/create/")
    token = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    by_json = browser.post(URL, {"name": "x"}, content_type="application/json", headers=token)
    key = by_json.json()["key"]
    ApiClient(key).get("/chatbots")
    stored = everything_stored()
    assert key[:8] in stored  # the prefix is there, so the search does find what is stored
    assert secret_part(key) not in stored
    assert key not in str(browser.cookies)


def broken_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the creation of a key after its plaintext exists."""

    def fail(**values: Any) -> None:
        raise OperationalError(f"could not store {values}")

    monkeypatch.setattr(ApiKey.objects, "create", fail)


def broken_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the look-up of a key with a bug that repeats what it was given."""

    def fail(digest: bytes) -> None:
        raise RuntimeError(f"looking for {digest!r}")

    monkeypatch.setattr(auth, "find_key", fail)


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("page", [True, False])
def test_a_failed_creation_shows_no_key(
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    debug: bool,
    page: bool,
    log: io.StringIO,
) -> None:
    settings.DEBUG = debug
    generated: list[str] = []
    generate = tokens.generate

    def remember() -> Any:
        generated.append((token := generate()).plaintext)
        return token

    monkeypatch.setattr(tokens, "generate", remember)
    broken_store(monkeypatch)
    client = Client(raise_request_exception=False)
    client.force_login(alice)
    if page:
        response = client.post("/dashboard/developer/api-keys/create/", {"name": "x"})
    else:
        response = client.post(URL, {"name": "x"}, content_type="application/json")
    assert response.status_code in {500, 503}
    secret = secret_part(generated[0])
    assert secret not in response.content.decode()
    assert secret not in log.getvalue()


@pytest.mark.parametrize("debug", [True, False])
def test_a_bug_in_the_gate_shows_no_key(
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    debug: bool,
    log: io.StringIO,
) -> None:
    settings.DEBUG = debug
    key = create_api_key(alice, "x").token.plaintext
    broken_lookup(monkeypatch)
    response = ApiClient(key).get("/chatbots")
    assert response.status_code == 500
    assert response.content == b'{"detail": "Internal Server Error"}'
    assert secret_part(key) not in log.getvalue()
    assert "looking for" in log.getvalue()


def report_of(request: HttpRequest, raise_it: Callable[[], None]) -> tuple[str, str]:
    reporter_class: Any = get_exception_reporter_class(request)
    try:
        raise_it()
    except RuntimeError as error:
        reporter = reporter_class(request, type(error), error, error.__traceback__)
        return reporter.get_traceback_html(), reporter.get_traceback_text()
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("debug", [True, False])
def test_error_reports_show_no_key(alice: User, settings: Settings, debug: bool) -> None:
    settings.DEBUG = debug
    key = create_api_key(alice, "x").token.plaintext
    request = HttpRequest()
    request.META = {
        "HTTP_AUTHORIZATION": f"Bearer {key}",
        "HTTP_X_FORWARDED_AUTH": key,
        "QUERY_STRING": f"key={key}",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
    }

    def fail() -> None:
        local = key
        raise RuntimeError(f"with {local}")

    for report in report_of(request, fail):
        assert "RuntimeError" in report
        assert secret_part(key) not in report
    try:
        fail()
    except RuntimeError as error:
        page = technical_500_response(request, type(error), error, error.__traceback__)
        assert secret_part(key) not in page.content.decode()


def test_a_page_about_an_error_shows_no_password_that_was_typed(
    alice: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = True

    def fail(self: AccountAdapter, request: HttpRequest, **credentials: str) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(AccountAdapter, "authenticate", fail)
    client = Client(raise_request_exception=False)
    page = client.post("/sign-in/", {"login": alice.email, "password": TYPED})
    assert page.status_code == 500
    assert b"RuntimeError" in page.content
    assert TYPED.encode() not in page.content


def test_a_page_about_an_unknown_address_shows_no_key_in_it(db: None, settings: Settings) -> None:
    settings.DEBUG = True
    settings.MIDDLEWARE = ["core.error_reports.redact_error_pages", *settings.MIDDLEWARE]
    key = tokens.generate().plaintext
    page = Client().get(f"/dashboard/{key}/")
    assert page.status_code == 404
    assert key[:8].encode() in page.content
    assert secret_part(key).encode() not in page.content
