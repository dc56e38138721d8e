"""Threads are many and connections few; who waits for a provider holds none."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from apikeys.services import create_api_key
from chatbots import waiting as waiting_module
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot, Message, MessageUsage
from chatbots.services import create_chatbot
from tests.chatbots.llm_server import LlmServer
from tests.conftest import SHOP, ApiClient, detail, start_service, stop_service, wait_for


@pytest.fixture
def llm() -> Iterator[LlmServer]:
    server = LlmServer()
    yield server
    server.close()


def test_chats_that_wait_leave_threads_and_connections_to_others(
    transactional_db: None, tmp_path: Path, llm: LlmServer
) -> None:
    # Each account has a share of the threads.
    callers = []
    for name in ("a", "b"):
        owner = User.objects.create_user(f"{name}@example.org")
        chatbot = create_chatbot(owner, "Shop", provider=Chatbot.Provider.OLLAMA)
        add_text_source(chatbot, "Rules", SHOP)
        callers.append((create_api_key(owner, "x").token.plaintext, chatbot))
    database = connection.settings_dict
    llm.may_answer.clear()
    service = start_service(
        tmp_path,
        WEB_CONCURRENCY="1",
        WEB_THREADS="36",
        DATABASE_CONNECTIONS="2",
        DATABASE_REQUEST_SECONDS="30",  # eight first chats of a new process share two connections
        OLLAMA_BASE_URL=llm.url,
        DATABASE_URL=f"postgresql://{database['USER']}@/{database['NAME']}"
        f"?host={quote(database['HOST'], safe='/')}&application_name=few",
    )

    def chat(number: int) -> httpx2.Response:
        key, chatbot = callers[number % 2]
        with service.client(key, timeout=60) as client:
            return client.post(f"/chatbots/{chatbot.id}/chat", json={"message": "Do you ship?"})

    try:
        with ThreadPoolExecutor(8) as pool:
            chats = pool.map(chat, range(8))
            wait_for(lambda: len(llm.requests) == 8, what=service.log.read_text)
            with service.client(callers[0][0]) as client:
                assert client.get("/chatbots").status_code == 200
            refused = chat(8)
            assert (refused.status_code, refused.json()) == (
                503,
                {"detail": "Too many chats are under way. Try again in a moment."},
            )
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name='few'")
                assert cursor.fetchone()[0] <= 2
            llm.may_answer.set()
            assert [one.status_code for one in chats] == [200] * 8
        assert [usage.used for usage in MessageUsage.objects.all()] == [4, 4]
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
