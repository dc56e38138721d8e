"""Log lines: JSON where asked for, with the request that they belong to, and never a key."""

import io
import json
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from apikeys import tokens
from apikeys.services import CreatedKey
from insitechat.logs import FORMATS, Rarely, is_news, name_request
from tests.conftest import ApiClient, start_service, stop_service, wait_for
from tests.logged import logged

logger = logging.getLogger("tests")
IDENTIFIER = "cadd-y.0123:4567"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return the log as JSON lines."""
    with logged(FORMATS["json"](), logging.INFO, name_request) as stream:
        yield stream


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_line_has_time_level_logger_and_message(log: io.StringIO) -> None:
    logger.warning("%d “lines”\n", 2)
    [line] = lines(log)
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "WARNING", "logger": "tests", "message": "2 “lines”\n"}


def test_a_traceback_is_part_of_its_line(log: io.StringIO) -> None:
    try:
        int("x")
    except ValueError:
        logger.exception("failed")
    [line] = lines(log)
    assert line["traceback"].startswith("Traceback")
    assert "ValueError: invalid literal" in line["traceback"]


def test_no_field_shows_a_key(log: io.StringIO) -> None:
    key = tokens.generate().plaintext
    fields = {"text": key, "object": Path(key), "list": [key, 1], key: {key: f"\n{key[3:]}"}}
    logger.info("before\n%s", key, extra={"fields": fields})
    [line] = lines(log)
    assert key[8:28] not in log.getvalue()
    assert line["message"] == f"before\n{key[:8]}…"
    assert line["fields"]["list"] == [f"{key[:8]}…", 1]


class TestRequests:
    @pytest.fixture(autouse=True)
    def _are_logged(self, settings: Settings) -> None:
        settings.ACCESS_LOG = True

    def test_each_is_a_line_when_asked_for(
        self, log: io.StringIO, api: ApiClient, alice: User, alices_key: CreatedKey
    ) -> None:
        response = api.get("/chatbots?a=b")
        [line] = lines(log)
        assert line["message"] == "GET /api/v1/chatbots 200"
        assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/chatbots", 200)
        assert line["request_id"] == response.headers["X-Request-ID"]
        assert line["account"] == str(alice.id)
        assert line["key"] == alices_key.api_key.prefix
        assert line["address"] == "127.0.0.1"
        assert line["milliseconds"] >= 0

    def test_a_persons_account_is_named(
        self, log: io.StringIO, browser: Client, alice: User
    ) -> None:
        browser.get("/account/")
        assert lines(log)[-1]["account"] == str(alice.id)

    def test_nobody_is_looked_up_for_the_log(self, log: io.StringIO, browser: Client) -> None:
        browser.get("/static/core/style.css").close()
        assert "account" not in lines(log)[-1]

    def test_a_stream_is_logged_at_its_end(self, log: io.StringIO) -> None:
        response = Client().get("/static/core/style.css")
        assert not lines(log)
        b"".join(response)
        response.close()
        assert lines(log)[0]["status"] == 200

    def test_lines_of_other_threads_and_times_name_no_request(
        self, log: io.StringIO, api: ApiClient
    ) -> None:
        api.get("/chatbots")
        logger.info("later")
        assert "request_id" not in lines(log)[-1]


def test_requests_are_not_logged_unless_asked_for(log: io.StringIO, api: ApiClient) -> None:
    api.get("/chatbots")
    assert not lines(log)


def test_what_is_logged_on_the_way_names_the_request(
    log: io.StringIO, alices_key: CreatedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("chatbots.api.access_chatbot", fail)
    api = ApiClient(alices_key.token.plaintext)
    response = api.get(f"/chatbots/{uuid.uuid4()}")
    [line] = lines(log)
    assert response.status_code == 500
    assert line["request_id"] == response.headers["X-Request-ID"]
    assert line["key"] == alices_key.api_key.prefix
    assert "ZeroDivisionError" in line["traceback"]


@pytest.mark.parametrize(
    ("proxies", "sent", "believed"),
    [
        (0, IDENTIFIER, False),
        (1, IDENTIFIER, True),
        (1, "short", False),
        (1, 65 * "x", False),
        (1, "with spaces", False),
        (1, "", False),
    ],
)
def test_a_proxys_id_is_kept(settings: Settings, proxies: int, sent: str, believed: bool) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    response = Client().get("/healthz", headers={"X-Request-ID": sent})
    assert (response.headers["X-Request-ID"] == sent) == believed


def test_every_request_has_an_id_of_its_own() -> None:
    ids = {Client().get("/healthz").headers["X-Request-ID"] for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize(
    ("status", "has_traceback", "is_kept"),
    [(500, True, True), (503, True, False), (502, False, False), (503, False, False)],
)
def test_django_logs_what_nobody_else_does(
    status: int,
    has_traceback: bool,
    is_kept: bool,
) -> None:
    error = (ValueError, ValueError(), None) if has_traceback else None
    record = logging.LogRecord("django.request", logging.ERROR, "x", 1, "x", (), error)
    record.status_code = status
    assert is_news(record) == is_kept


def test_what_repeats_itself_is_said_rarely() -> None:
    times = iter((0.0, 1.0, 599.0, 600.0, 601.0))
    rarely = Rarely(600, clock=lambda: next(times))
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "x", (), None)
    passed = [rarely.filter(record) for _ in range(5)]
    assert passed == [True, False, False, True, False]


def test_the_server_and_the_service_write_json(transactional_db: None, tmp_path: Path) -> None:
    service = start_service(tmp_path, LOG_FORMAT="json", ACCESS_LOG="true", WEB_CONCURRENCY="1")
    wait_for(lambda: "/readyz 200" in service.log.read_text())
    stop_service(service)
    written = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert {line["logger"] for line in written} >= {"gunicorn.error", "insitechat.requests"}
