"""With every connection in use, or a table locked, who needs it is told so; nobody else notices."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.models import User
from apikeys.models import HourlyCalls
from apikeys.services import CreatedKey
from tests.conftest import detail, start_service, stop_service, wait_for
from tests.pool import Pool


@pytest.fixture
def full(make_pool: Callable[..., Pool]) -> Iterator[Pool]:
    """Return a pool whose only connection is in use while the test runs."""
    pool = make_pool(1, request_seconds=0.5)
    with pool.one_in_use():
        yield pool


def get(pool: Pool, path: str, *, session: Client | None = None, key: str | None = None) -> Any:
    client = Client(raise_request_exception=False)
    if session is not None:
        client.cookies = session.cookies
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    response = pool.in_thread(lambda: client.get(path, headers=headers))
    response.close()
    return response


def test_a_client_of_the_api_is_answered_503(full: Pool, alices_key: CreatedKey) -> None:
    response = get(full, "/api/v1/chatbots", key=alices_key.token.plaintext)
    assert response.status_code == 503
    assert detail(response) == "Service temporarily unavailable."
    assert response.headers["Cache-Control"] == "no-store"
    assert "Retry-After" not in response.headers


def test_an_owner_at_the_keys_endpoints_is_answered_503(full: Pool, browser: Client) -> None:
    response = get(full, "/api/v1/api-keys", session=browser)
    assert response.status_code == 503
    assert detail(response) == "Service temporarily unavailable."
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize("path", ["/dashboard/developer/api-keys/", "/account/", "/admin/"])
def test_a_page_says_so(full: Pool, browser: Client, path: str) -> None:
    response = get(full, path, session=browser)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.headers["Content-Type"].startswith("text/html")
    assert b"The service is busy" in response.content


def test_any_other_failure_is_a_500(
    alice: User, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("apikeys.models.ApiKeyQuerySet.owned_by", fail)
    browser.raise_request_exception = False
    response = browser.get("/dashboard/developer/api-keys/")
    assert response.status_code == 500
    assert "Retry-After" not in response.headers
    assert b"Something broke" in response.content


def test_static_files_are_served(full: Pool) -> None:
    assert get(full, "/static/core/style.css").status_code == 200


@pytest.mark.parametrize("key", [None, "garbage", f"ic_{44 * 'x'}"])
def test_who_has_no_well_formed_key_is_answered_401(full: Pool, key: str | None) -> None:
    assert get(full, "/api/v1/chatbots", key=key).status_code == 401


def test_a_probe_is_told_what_is_missing(full: Pool) -> None:
    response = get(full, "/readyz")
    assert response.status_code == 503
    assert response.json()["missing"] == ["database"]
    assert get(full, "/healthz").status_code == 200


def test_a_locked_table_is_a_503_in_time(
    alices_key: CreatedKey, tmp_path: Path, transactional_db: None
) -> None:
    service = start_service(tmp_path, WEB_CONCURRENCY="1")
    try:
        with service.client(alices_key.token.plaintext, timeout=30) as client:
            assert client.get("/chatbots").status_code == 200
            with locked("chatbots_chatbot"):
                refused = [client.get("/chatbots") for _ in range(3)]
            for response in refused:
                assert response.status_code == 503
                assert detail(response) == "Service temporarily unavailable."
            # The shortest, because a busy machine may stall any.
            assert min(response.elapsed.total_seconds() for response in refused) < 3
            assert client.get("/chatbots").status_code == 200
    finally:
        stop_service(service)


@contextmanager
def locked(table: str) -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_server_at_its_bounds_answers_what_needs_no_connection(
    alices_key: CreatedKey, browser: Client, tmp_path: Path, transactional_db: None
) -> None:
    # One thread has the connection, and one waits for it, for longer than this takes; the others
    # wait for their look-up.
    service = start_service(
        tmp_path,
        WEB_CONCURRENCY="1",
        WEB_THREADS="7",
        DATABASE_CONNECTIONS="1",
        DATABASE_REQUEST_SECONDS="60",
    )
    key = alices_key.token.plaintext

    def ask(path: str, **options: Any) -> httpx2.Response:
        return httpx2.get(f"{service.url}{path}", timeout=60, trust_env=False, **options)

    def list_chatbots() -> httpx2.Response:
        return ask("/api/v1/chatbots", headers={"Authorization": f"Bearer {key}"})

    try:
        assert list_chatbots().status_code == 200
        wait_for(HourlyCalls.objects.exists)  # the recorder has had the connection
        with ThreadPoolExecutor(4) as threads:
            with locked("chatbots_chatbot"):
                calls = [threads.submit(list_chatbots) for _ in range(4)]
                wait_for(lambda: sum(call.done() for call in calls) == 2)
                refused = [call for call in calls if call.done()]
                waiting = [call for call in calls if call not in refused]
                assert [call.result().status_code for call in refused] == [503] * 2
                assert list_chatbots().status_code == 503
                page = ask("/account/", cookies=session_of(browser))
                assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
                assert ask("/static/core/style.css").status_code == 200
                assert ask("/healthz").status_code == 200
                assert ask("/api/v1/chatbots").status_code == 401
                assert not any(call.done() for call in waiting)
            assert [call.result().status_code for call in waiting] == [200] * 2
    finally:
        stop_service(service)
    farewell = service.log.read_text().partition("Handling signal: term")[2]
    assert farewell
    assert "psycopg" not in farewell  # its threads end without a word


def session_of(browser: Client) -> dict[str, str]:
    return {name: morsel.value for name, morsel in browser.cookies.items()}
