"""Threads are many and connections few; who waits for a provider holds none."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpx2
import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import Settings

from accounts.models import User
from apikeys.services import create_api_key
from chatbots import waiting as waiting_module
from chatbots.models import Chatbot, Message, MessageUsage
from chatbots.services import add_text_source, create_chatbot
from chatbots.waiting import Lender
from tests.chatbots.llm_server import LlmServer
from tests.conftest import SHOP, ApiClient, detail, start_service, stop_service, wait_for

Result = TypeVar("Result")


@pytest.fixture
def lender(transactional_db: None) -> Iterator[Lender]:
    lender = Lender(2)
    yield lender
    for lent in lender._all:
        lent.close()


def elsewhere(work: Callable[[], Result]) -> Result:
    """Run something in a thread that has no connection yet."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def lent_to(lender: Lender, work: Callable[[], Result]) -> Result:
    """Run something in another thread on a connection that is lent to it."""

    def run() -> Result:
        assert lender.lend()
        try:
            return work()
        finally:
            assert lender.take_back()

    return elsewhere(run)


def test_the_connection_used_last_is_lent_next(lender: Lender) -> None:
    assert len({lent_to(lender, backend) for _ in range(5)}) == 1


def test_a_thread_keeps_to_its_own(lender: Lender) -> None:
    mine = backend()
    assert not lender.lend()
    assert backend() == mine
    assert not lender.take_back()
    assert backend() == mine


def test_where_none_is_free_one_waits_its_patience(lender: Lender) -> None:
    def lend_more() -> None:
        with pytest.raises(OperationalError, match="no connection"):
            elsewhere(lambda: lender.lend(patience_seconds=0))

    lent_to(lender, lambda: lent_to(lender, lend_more))


def test_one_that_waits_gets_the_next_that_is_free(lender: Lender) -> None:
    with ThreadPoolExecutor(1) as pool:
        results = []

        def start_waiting() -> None:
            def wait() -> bool:
                lent = lender.lend(patience_seconds=None)
                return lent and lender.take_back()

            results.append(pool.submit(wait))

        lent_to(lender, lambda: lent_to(lender, start_waiting))
        assert results[0].result(30)


def test_one_that_broke_connects_anew(lender: Lender) -> None:
    broken = lent_to(lender, backend)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10_000)", [broken])
    assert lent_to(lender, backend) != broken

    def break_it() -> int:
        with pytest.raises(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return 0

    lent_to(lender, break_it)
    assert lent_to(lender, backend)


def test_a_transaction_is_not_lent_on(lender: Lender) -> None:
    def leave_open() -> int:
        connection.set_autocommit(False)
        return backend()

    left_open = lent_to(lender, leave_open)
    assert lent_to(lender, connection.get_autocommit)
    assert lent_to(lender, backend) != left_open


def test_a_block_that_was_never_left_does_not_stay(lender: Lender) -> None:
    def leave_open() -> int:
        transaction.atomic().__enter__()
        return backend()

    left_open = lent_to(lender, leave_open)
    assert not lent_to(lender, lambda: connection.in_atomic_block)
    assert lent_to(lender, backend) != left_open


def test_one_connection_is_in_one_thread_at_a_time(transactional_db: None) -> None:
    lender = Lender(4)
    in_use: set[BaseDatabaseWrapper] = set()
    lock = threading.Lock()

    def work(_: int) -> set[int]:
        backends = set()
        for _ in range(30):
            assert lender.lend(patience_seconds=None)
            mine = connections["default"]
            with lock:
                assert mine not in in_use
                in_use.add(mine)
            backends.add(backend())
            with lock:
                in_use.remove(mine)
            lender.take_back()
        return backends

    with ThreadPoolExecutor(32) as pool:
        backends = set().union(*pool.map(work, range(32)))
    assert 1 <= len(backends) <= 4
    for lent in lender._all:
        lent.close()


@pytest.fixture
def llm() -> Iterator[LlmServer]:
    server = LlmServer()
    yield server
    server.close()


def test_chats_that_wait_leave_threads_and_connections_to_others(
    transactional_db: None, tmp_path: Path, llm: LlmServer
) -> None:
    owner = User.objects.create_user("a@example.org")
    key = create_api_key(owner, "x").token.plaintext
    chatbot = create_chatbot(owner, "Shop", provider=Chatbot.Provider.OLLAMA)
    add_text_source(chatbot, "Rules", SHOP)
    database = connection.settings_dict
    llm.may_answer.clear()
    service = start_service(
        tmp_path,
        WEB_CONCURRENCY="1",
        WEB_THREADS="10",
        DATABASE_CONNECTIONS="2",
        OLLAMA_BASE_URL=llm.url,
        DATABASE_URL=f"postgresql://{database['USER']}@/{database['NAME']}"
        f"?host={quote(database['OPTIONS']['host'], safe='/')}&application_name=few",
    )

    def chat(_: int) -> httpx2.Response:
        with service.client(key, timeout=60) as client:
            return client.post(f"/chatbots/{chatbot.id}/chat", json={"message": "Do you ship?"})

    try:
        with ThreadPoolExecutor(8) as pool:
            chats = pool.map(chat, range(8))
            wait_for(lambda: len(llm.requests) == 8, what=service.log.read_text)
            with service.client(key) as client:
                assert client.get("/chatbots").status_code == 200
            refused = chat(8)
            assert (refused.status_code, refused.json()) == (
                503,
                {"detail": "Too many chats are under way. Try again in a moment."},
            )
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name='few'")
                assert cursor.fetchone()[0] <= 2 + 1  # and the recorder's
            llm.may_answer.set()
            assert [one.status_code for one in chats] == [200] * 8
        assert MessageUsage.objects.get().used == 8
        assert Message.objects.count() == 2 * 8
    finally:
        llm.may_answer.set()
        stop_service(service)


def test_too_many_are_told_so_and_nothing_is_counted(
    api: ApiClient,
    chatbot: Chatbot,
    alice: User,
    llm: LlmServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.OLLAMA_BASE_URL = llm.url
    Chatbot.objects.update(provider=Chatbot.Provider.OLLAMA)
    monkeypatch.setattr(waiting_module, "places", threading.Semaphore(0))
    body = {"message": "Do you ship to Norway?"}
    response = api.post(f"/chatbots/{chatbot.id}/chat", body)
    assert response.status_code == 503
    assert detail(response).startswith("Too many chats are under way.")
    assert not llm.requests
    assert MessageUsage.objects.get(owner=alice).used == 0
    monkeypatch.setattr(waiting_module, "places", threading.Semaphore(1))
    for _ in range(2):  # a place that was taken is free again
        assert api.post(f"/chatbots/{chatbot.id}/chat", body).status_code == 200
