"""Trying a chatbot out in the dashboard."""

import json
import re
import shlex
from typing import Any

import pytest
from django.test import Client

from accounts.models import Plan, User
from chatbots import answering
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
    assert page.count("We ship to Norway, Sweden and Denmark.") == 2
    assert '<summary>Rules <span class="hint">Shipping</span></summary>' in page
    assert "Refunds are paid" in page
    assert "This is the fallback message" not in page


def test_each_turn_keeps_the_passages_of_its_answer(signed_in: Client, chatbot: Chatbot) -> None:
    ask(signed_in, chatbot)
    page = text(signed_in.get(page_of(chatbot, "playground/")))
    [passage] = re.findall(r"<ol><li>(.*?)</li>", page)
    assert ">Rules</a>" in passage
    assert re.search(r"Shipping · score \d\.\d\d", passage)
    conversation = Conversation.objects.get()
    thread = text(signed_in.get(page_of(chatbot, f"conversations/{conversation.id}/")))
    assert "Shipping · score" in thread
    chatbot.sources.soft_delete()
    assert "Shipping · score" not in text(signed_in.get(page_of(chatbot, "playground/")))


class TestRating:
    def rate(self, client: Client, chatbot: Chatbot, value: str, **headers: str) -> Any:
        answer = Message.objects.latest("id")
        path = page_of(chatbot, f"answers/{answer.id}/rate/")
        return client.post(path, {"rating": value}, headers=headers)

    def test_it_is_stored_with_the_answer_and_can_be_taken_back(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        ask(signed_in, chatbot)
        response = self.rate(signed_in, chatbot, "-1")
        answer = Message.objects.latest("id")
        assert response.headers["Location"].endswith(f"playground/#answer-{answer.id}")
        assert answer.rating == Message.Rating.DOWN
        page = text(signed_in.get(page_of(chatbot, "playground/")))
        assert page.count('value="none" aria-pressed="true"') == 1
        self.rate(signed_in, chatbot, "none")
        assert Message.objects.latest("id").rating is None

    def test_the_script_gets_the_buttons(self, signed_in: Client, chatbot: Chatbot) -> None:
        ask(signed_in, chatbot)
        response = self.rate(signed_in, chatbot, "1", Accept="application/json")
        assert 'value="none" aria-pressed="true"' in response.json()["html"]

    def test_what_is_no_rating_is_refused(self, signed_in: Client, chatbot: Chatbot) -> None:
        ask(signed_in, chatbot)
        assert self.rate(signed_in, chatbot, "2").status_code == 400
        assert Message.objects.latest("id").rating is None

    def test_only_answers_of_the_chatbot_are_rated(
        self, signed_in: Client, strangers_browser: Client, chatbot: Chatbot, alice: User
    ) -> None:
        ask(signed_in, chatbot)
        assert self.rate(strangers_browser, chatbot, "1").status_code == 404
        assert self.rate(signed_in, create_chatbot(alice, "Other"), "1").status_code == 404
        question = Message.objects.earliest("id")
        path = page_of(chatbot, f"answers/{question.id}/rate/")
        assert signed_in.post(path, {"rating": "1"}).status_code == 404


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

    monkeypatch.setattr(answering, "provider_for", fail)
    assert ask(signed_in, chatbot).status_code == 502


def test_too_many_chats_at_once_are_told_to_try_again(
    signed_in: Client, chatbot: Chatbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Chatbot) -> None:
        raise TooManyWaiting

    monkeypatch.setattr(answering, "provider_for", refuse)
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
    assert "ChatGPT is not set up" not in text(signed_in.get(page))
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


class TestAsItsScript:
    def ask(self, client: Client, chatbot: Chatbot, message: str = SHIPPING, **more: str) -> Any:
        page = page_of(chatbot, "playground/")
        token = client.get(page).cookies["csrftoken"].value
        body = {"message": message, "csrfmiddlewaretoken": token} | more
        return client.post(page, body, headers={"Accept": "text/event-stream"})

    def test_it_streams_the_answer_and_what_it_was_made_from(
        self, browser: Client, chatbot: Chatbot
    ) -> None:
        response = self.ask(browser, chatbot)
        assert response.headers["Content-Type"] == "text/event-stream"
        delta, done = b"".join(response.streaming_content).decode().strip().split("\n\n")
        assert delta == 'event: delta\ndata: {"text":"We ship to Norway, Sweden and Denmark."}'
        answer = json.loads(done.removeprefix("event: done\ndata: "))
        assert "<summary>Rules <" in answer["passages"]
        assert "Good answer" in answer["foot"]
        assert answer["id"] == f"answer-{Message.objects.latest('id').id}"
        assert answer["left"] == "999 of 1,000 are left"
        assert Conversation.objects.get().messages.count() == 2

    def test_it_needs_the_csrf_token(self, browser: Client, chatbot: Chatbot) -> None:
        assert self.ask(browser, chatbot, csrfmiddlewaretoken="x" * 32).status_code == 403
        assert not MessageUsage.objects.exists()

    def test_to_a_stranger_there_is_no_such_chatbot(
        self, strangers_browser: Client, chatbot: Chatbot
    ) -> None:
        page = page_of(chatbot, "playground/")
        headers = {"Accept": "text/event-stream"}
        assert strangers_browser.post(page, {"message": "?"}, headers=headers).status_code == 404
        assert strangers_browser.post(f"{page}new/").status_code == 404

    @pytest.mark.parametrize(
        ("change", "message", "status", "reason"),
        [
            ({"is_active": False}, SHIPPING, 400, "This chatbot is paused"),
            ({"provider": "chatgpt"}, SHIPPING, 502, "The provider did not answer"),
            ({}, " ", 400, "This field is required."),
        ],
    )
    def test_why_there_is_no_answer(
        self,
        browser: Client,
        chatbot: Chatbot,
        change: dict[str, Any],
        message: str,
        status: int,
        reason: str,
    ) -> None:
        if change:
            Chatbot.objects.update(**change)
        response = self.ask(browser, chatbot, message)
        assert response.status_code == status
        assert response.json()["detail"].startswith(reason)


def test_a_new_conversation_forgets_the_one_before_and_keeps_it(
    signed_in: Client, chatbot: Chatbot, alice: User
) -> None:
    ask(signed_in, chatbot)
    page = signed_in.post(page_of(chatbot, "playground/new/"), follow=True)
    assert SHIPPING not in text(page)
    ask(signed_in, chatbot)
    sessions = Conversation.objects.order_by("id").values_list("session_id", flat=True)
    assert sessions[0].startswith(f"playground-{alice.id} until 20")
    assert sessions[1] == f"playground-{alice.id}"


class TestTryingOtherSettings:
    def send(self, client: Client, chatbot: Chatbot, **changes: str) -> Any:
        settings = {"provider": "builtin", "system_prompt": "", "threshold_shift": "0.0"}
        body = {"message": SHIPPING} | settings | changes
        return client.post(page_of(chatbot, "playground/try/"), body)

    def test_both_answers_are_shown_and_counted_and_not_kept(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        Chatbot.objects.update(threshold_shift=-20.0)  # it always answers
        question = "Who founded the company?"
        response = self.send(signed_in, chatbot, message=question, threshold_shift="1.0")
        saved, new = response.context["comparison"]
        assert not saved.answer.is_fallback
        assert new.answer.is_fallback
        assert f"Two answers to “{question}”" in text(response)
        assert '<option value="1.0" selected>' in text(response)
        assert MessageUsage.objects.get().used == 2
        assert not Message.objects.exists()
        assert Chatbot.objects.get().threshold_shift == -20.0

    def test_why_there_is_no_answer_is_said_on_its_side(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        response = self.send(signed_in, chatbot, provider="chatgpt")
        saved, new = response.context["comparison"]
        assert saved.answer.text == "We ship to Norway, Sweden and Denmark."
        assert "The provider did not answer" in new.reason
        assert MessageUsage.objects.get().used == 1

    def test_what_does_not_fit_is_said_beside_its_field(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        response = self.send(signed_in, chatbot, message=" ", threshold_shift="9")
        assert response.status_code == 400
        assert 'id="trial_message_error"' in text(response)
        assert 'id="trial_threshold_shift_error"' in text(response)
        assert not MessageUsage.objects.exists()

    def test_they_can_be_saved(self, signed_in: Client, chatbot: Chatbot) -> None:
        changes = {"message": "", "system_prompt": "Be brief.", "threshold_shift": "0.5"}
        response = self.send(signed_in, chatbot, **changes, save="yes")
        assert response.headers["Location"] == page_of(chatbot, "playground/")
        saved = Chatbot.objects.get()
        assert (saved.system_prompt, saved.threshold_shift) == ("Be brief.", 0.5)
        assert not MessageUsage.objects.exists()

    def test_to_a_stranger_there_is_no_such_chatbot(
        self, strangers_browser: Client, chatbot: Chatbot
    ) -> None:
        assert self.send(strangers_browser, chatbot).status_code == 404
