"""Streamed answers of the real server: what they hold meanwhile, and give back at their end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.models import User
from apikeys.services import create_api_key
from chatbots.models import MessageUsage
from chatbots.services import create_chatbot
from tests.conftest import Service, start_service, stop_service, wait_for


@pytest.fixture
def key(transactional_db: None) -> str:
    owner = User.objects.create_user("a@example.org")
    create_chatbot(owner, "Shop")
    return create_api_key(owner, "x").token.plaintext


@pytest.fixture
def service(key: str, tmp_path: Path) -> Iterator[Service]:
    """Return a service with a single connection to PostgreSQL."""
    service = start_service(
        tmp_path,
        DJANGO_SETTINGS_MODULE="tests.streaming.settings",
        WEB_CONCURRENCY="1",
        DATABASE_CONNECTIONS="1",
    )
    yield service
    stop_service(service)


def used() -> int:
    return MessageUsage.objects.get().used


def test_streams_that_last_leave_the_connection_to_others(service: Service, key: str) -> None:
    with (
        service.client(key) as client,
        client.stream("GET", "/stream") as first,
        client.stream("GET", "/stream") as second,
    ):
        for response in (first, second):
            assert response.status_code == 200
            assert "Content-Length" not in response.headers
            assert response.headers["RateLimit-Policy"] == '"default";q=60;w=60'
            assert next(response.iter_raw()).startswith(b":")
        assert client.get("/chatbots").status_code == 200
        assert used() == 2


def test_a_client_that_leaves_before_any_text_is_not_charged(service: Service, key: str) -> None:
    with service.client(key) as client, client.stream("GET", "/stream") as response:
        next(response.iter_raw())
        assert used() == 1
    wait_for(lambda: used() == 0)


def test_a_client_that_leaves_after_some_text_is_charged_once(service: Service, key: str) -> None:
    with service.client(key) as client:
        with client.stream("GET", "/stream?text") as response:
            received = b""
            parts = response.iter_raw()
            while b": nothing yet" not in received:  # so the text was sent
                received += next(parts)
        with client.stream("GET", "/stream") as response:
            next(response.iter_raw())
        wait_for(lambda: used() == 1)
        assert received.startswith(b"data: text")
