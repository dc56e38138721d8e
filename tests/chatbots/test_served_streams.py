"""Chats streamed by the real server to clients that read, wait and leave."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from accounts.models import User
from apikeys.services import create_api_key
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot, Message, MessageUsage
from chatbots.services import create_chatbot
from tests.chatbots.llm_server import LlmServer
from tests.conftest import SHOP, Service, start_service, stop_service, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def llm() -> Iterator[LlmServer]:
    server = LlmServer()
    server.may_go_on.clear()
    yield server
    server.close()


@pytest.fixture
def bot() -> Chatbot:
    owner = User.objects.create_user("a@example.org")
    chatbot = create_chatbot(owner, "Shop", provider=Chatbot.Provider.OLLAMA)
    add_text_source(chatbot, "Rules", SHOP)
    return chatbot


@pytest.fixture
def service(bot: Chatbot, llm: LlmServer, tmp_path: Path) -> Iterator[Service]:
    """Return a service with a single connection to PostgreSQL and one place for a chat."""
    service = start_service(
        tmp_path,
        WEB_CONCURRENCY="1",
        WEB_THREADS="2",
        DATABASE_CONNECTIONS="1",
        DATABASE_REQUEST_SECONDS="60",
        PROVIDER_TIMEOUT_SECONDS="120",
        OLLAMA_BASE_URL=llm.url,
    )
    yield service
    llm.close()
    stop_service(service)


@pytest.fixture
def client(service: Service, bot: Chatbot) -> Iterator[httpx2.Client]:
    key = create_api_key(bot.owner, "x").token.plaintext
    with service.client(key) as client:
        yield client


@contextmanager
def asked(client: httpx2.Client, bot: Chatbot) -> Iterator[httpx2.Response]:
    with client.stream(
        "POST",
        f"/chatbots/{bot.id}/chat",
        json={"message": "Do you ship to Norway?"},
        headers={"Accept": "text/event-stream"},
    ) as response:
        yield response


def used() -> int:
    return sum(MessageUsage.objects.values_list("used", flat=True))


def test_text_is_passed_on_before_there_is_more(
    client: httpx2.Client, bot: Chatbot, llm: LlmServer, service: Service
) -> None:
    with asked(client, bot) as response:
        lines = response.iter_lines()
        assert (next(lines), next(lines)) == ("event: delta", 'data: {"text":"Yes,"}')
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["RateLimit-Policy"] == '"default";q=60;w=60'
        assert "Content-Length" not in response.headers
        with service.client(client.headers["Authorization"].split()[1]) as another:
            assert another.get("/chatbots").status_code == 200
        llm.may_go_on.set()
        assert 'data: {"response":"Yes, we do."}' in list(lines)
    assert used() == 1


def test_whoever_leaves_ends_the_providers_call_and_frees_the_place(
    client: httpx2.Client, bot: Chatbot, llm: LlmServer, service: Service
) -> None:
    with asked(client, bot) as response:
        assert next(response.iter_lines()) == "event: delta"
    assert llm.left.wait(120)
    wait_for(lambda: Message.objects.filter(is_complete=False, text="Yes,").count() == 1)
    llm.may_go_on.set()
    body = {"message": "Do you ship to Norway?"}
    assert client.post(f"/chatbots/{bot.id}/chat", json=body).status_code == 200
    assert used() == 2
    assert "ERROR" not in service.log.read_text()


def test_whoever_leaves_before_there_is_text_is_not_charged(
    client: httpx2.Client, bot: Chatbot, llm: LlmServer
) -> None:
    llm.may_answer.clear()
    with pytest.raises(httpx2.ReadTimeout):
        client.post(
            f"/chatbots/{bot.id}/chat",
            json={"message": "Do you ship to Norway?"},
            headers={"Accept": "text/event-stream"},
            timeout=httpx2.Timeout(60, read=3),
        )
    assert llm.left.wait(120)
    wait_for(lambda: used() == 0)
    assert not Message.objects.exists()
