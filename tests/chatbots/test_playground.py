"""Trying a chatbot out in the dashboard."""

import json
import shlex
from typing import Any

import pytest
from django.test import Client

from accounts.models import Plan, User
from chatbots import services
from chatbots.models import Chatbot, Conversation, Message, MessageUsage
from chatbots.providers.base import ProviderError
from chatbots.services import create_chatbot
from chatbots.waiting import TooManyWaiting
from tests.chatbots.test_pages import page_of, signed_in, text
from tests.conftest import ApiClient

__all__ = ["signed_in"]

SHIPPING = "Do you ship to Norway?"


def ask(client: Client, chatbot: Chatbot, message: str = SHIPPING) -> Any:
    return client.post(page_of(chatbot, "playground/"), {"message": message})


def test_it_shows_the_answer_beside_its_passages(signed_in: Client, chatbot: Chatbot) -> None:
    response = ask(signed_in, chatbot)
    assert response.status_code == 200
    assert response.context["answer"].text == "We ship to Norway, Sweden and Denmark."
    page = text(response)
    assert "<summary>Rules</summary>" in page
    assert "Refunds are paid" in page
    assert "fallback message" not in page


def test_it_counts_and_is_kept_as_any_message(
    signed_in: Client, chatbot: Chatbot, alice: User
) -> None:
    assert "1,000 of 1,000 are left" in text(signed_in.get(page_of(chatbot, "playground/")))
    assert "999 of 1,000 are left" in text(ask(signed_in, chatbot))
    conversation = Conversation.objects.get()
    assert conversation.session_id == f"playground-{alice.id}"
    assert conversation.messages.count() == 2


def test_it_says_when_the_fallback_was_given(signed_in: Client, chatbot: Chatbot) -> None:
    page = text(ask(signed_in, chatbot, "What is the capital of France?"))
    assert "This is the fallback message" in page
    assert "None was found" in page


def test_a_paused_chatbot_says_so(signed_in: Client, chatbot: Chatbot) -> None:
    Chatbot.objects.update(is_active=False)
    response = ask(signed_in, chatbot)
    assert response.status_code == 400
    assert "This chatbot is paused" in text(response)
    assert SHIPPING in text(response)


def test_a_used_up_month_says_so(signed_in: Client, chatbot: Chatbot, alice: User) -> None:
    alice.plan = Plan.objects.create(name="None", monthly_messages=0)
    alice.save()
    response = ask(signed_in, chatbot)
    assert response.status_code == 429
    assert "messages are used up" in text(response)


def test_a_provider_that_fails_is_told_and_not_counted(
    signed_in: Client, chatbot: Chatbot, caplog: pytest.LogCaptureFixture
) -> None:
    Chatbot.objects.update(provider=Chatbot.Provider.CHATGPT)
    response = ask(signed_in, chatbot)
    assert response.status_code == 502
    assert "The provider did not answer" in text(response)
    assert MessageUsage.objects.get().used == 0
    assert not Message.objects.exists()
    assert "no API key is configured" in caplog.text


def test_another_kind_of_provider_error_is_told_too(
    signed_in: Client, chatbot: Chatbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TooSlow(ProviderError):
        pass

    def fail(_: Chatbot) -> None:
        raise TooSlow

    monkeypatch.setattr(services, "provider_for", fail)
    assert ask(signed_in, chatbot).status_code == 502


def test_too_many_chats_at_once_are_told_to_try_again(
    signed_in: Client, chatbot: Chatbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Chatbot) -> None:
        raise TooManyWaiting

    monkeypatch.setattr(services, "provider_for", refuse)
    response = ask(signed_in, chatbot)
    assert response.status_code == 503
    assert "Try again in a moment" in text(response)


@pytest.mark.parametrize("message", ["", " \n", "x" * 8001, "a\0b"])
def test_a_question_that_does_not_fit_is_said_beside_the_field(
    signed_in: Client, chatbot: Chatbot, message: str
) -> None:
    response = ask(signed_in, chatbot, message)
    assert response.status_code == 400
    assert 'id="id_message_error"' in text(response)
    assert not MessageUsage.objects.exists()


def test_one_that_knows_nothing_says_so_first(
    signed_in: Client, chatbot: Chatbot, alice: User
) -> None:
    page = page_of(create_chatbot(alice, "New"), "playground/")
    assert "knows nothing yet" in text(signed_in.get(page))
    assert "knows nothing yet" not in text(signed_in.get(page_of(chatbot, "playground/")))


def test_a_provider_that_is_not_set_up_is_told_before_asking(
    signed_in: Client, chatbot: Chatbot
) -> None:
    page = page_of(chatbot, "playground/")
    assert "not set up on this server" not in text(signed_in.get(page))
    Chatbot.objects.update(provider=Chatbot.Provider.CHATGPT)
    assert "ChatGPT is not set up on this server" in text(signed_in.get(page))


def test_the_call_asks_the_same_from_a_shell(
    signed_in: Client, chatbot: Chatbot, api: ApiClient
) -> None:
    question = """It's a "question": do $(you) ship\nto Norway\\?"""
    call = ask(signed_in, chatbot, question).context["call"]
    command = shlex.split(call)
    assert command[1].endswith(f"/api/v1/chatbots/{chatbot.id}/chat")
    body = json.loads(command[command.index("-d") + 1])
    assert body == {"message": question}
    assert api.post(f"/chatbots/{chatbot.id}/chat", body).status_code == 200


def test_answers_are_escaped(signed_in: Client, chatbot: Chatbot) -> None:
    Chatbot.objects.update(fallback_message="<b>bold</b>")
    assert "<b>bold" not in text(ask(signed_in, chatbot, "What is the capital of France?"))
