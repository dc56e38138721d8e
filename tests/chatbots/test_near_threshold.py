"""Dashboard → Chatbot → Settings: the latest questions on either side of the threshold."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chatbots import near_threshold
from chatbots.answering import answer_message
from chatbots.conversations import store_turn
from chatbots.models import Chatbot, Conversation, Message
from chatbots.near_threshold import percent_sure, questions_near
from chatbots.providers.base import Turn
from chatbots.retrieval.scoring import NOTHING, THRESHOLD
from chatbots.services import create_chatbot
from tests.chatbots.test_pages import page_of, settings_of, signed_in, text

__all__ = ["signed_in"]


def ask(
    chatbot: Chatbot, distance: float, question: str, *, session: str = "", fallback: bool = False
) -> None:
    """Store a question as one so far above the threshold, or below it, was answered."""
    store_turn(
        chatbot,
        session or question,
        Turn(question, "Answer"),
        confidence=THRESHOLD + distance,
        is_fallback=fallback,
    )


def lists(browser: Client, chatbot: Chatbot, query: str = "") -> tuple[list[str], list[str]]:
    """Return the questions above and below, as the page shows them."""
    page = text(browser.get(page_of(chatbot, f"settings/{query}")))
    above, below = page.split('aria-labelledby="above"')[1].split('aria-labelledby="below"')
    return asked(above), asked(below)


def asked(part: str) -> list[str]:
    return re.findall(r'data-label="Question"><div><a[^>]*>([^<]*)', part)


def chosen(page: str) -> list[str]:
    """Return what the two fields have selected: the setting, and what is tried."""
    return re.findall(r'<option value="([^"]*)" selected>\d', page)


def test_what_visitors_asked_is_on_its_side(signed_in: Client, chatbot: Chatbot) -> None:
    for question in ("Do you ship to Norway?", "Who founded the company?", "Hello!"):
        answer_message(chatbot, question, question)
    assert lists(signed_in, chatbot) == (["Do you ship to Norway?"], ["Who founded the company?"])
    page = text(signed_in.get(page_of(chatbot, "settings/")))
    conversation = Conversation.objects.get(session_id="Do you ship to Norway?")
    asked_as = conversation.messages.earliest("pk").pk
    place = f"conversations/{conversation.pk}/?message={asked_as}#message-{asked_as}"
    assert f'href="{page_of(chatbot, place)}"' in page
    assert re.search(r'data-label="Sure">over 99 %</td>\s*<td data-label="Asked"><time ', page)


def test_the_nearest_come_first_and_ten_at_most(signed_in: Client, chatbot: Chatbot) -> None:
    for number in (*range(12, 0, -2), *range(1, 12, 2)):
        ask(chatbot, number / 10, f"Above {number}")
        ask(chatbot, -number / 10, f"Below {number}")
    above, below = lists(signed_in, chatbot)
    assert above == [f"Above {number}" for number in range(1, 11)]
    assert below == [f"Below {number}" for number in range(1, 11)]


def test_another_threshold_is_shown_before_it_is_saved(signed_in: Client, chatbot: Chatbot) -> None:
    ask(chatbot, 0.3, "Just above")
    ask(chatbot, 0.7, "Above")
    ask(chatbot, -0.3, "Just below", fallback=True)
    settings = page_of(chatbot, "settings/")
    page = text(signed_in.get(settings))
    assert chosen(page) == ["0.0", "0.0"]
    assert "So it would be" not in page
    assert lists(signed_in, chatbot) == (["Just above", "Above"], ["Just below"])
    surer = text(signed_in.get(f"{settings}?threshold_shift=0.5"))
    assert chosen(surer) == ["0.5", "0.5"]
    assert "So it would be" in surer
    assert surer.count("Was answered then") == 1
    assert "Got the fallback message then" not in surer
    assert lists(signed_in, chatbot, "?threshold_shift=0.5") == (
        ["Above"],
        ["Just above", "Just below"],
    )
    less = text(signed_in.get(f"{settings}?threshold_shift=-0.5"))
    assert less.count("Got the fallback message then") == 1
    chatbot.refresh_from_db()
    assert chatbot.threshold_shift == 0.0
    signed_in.post(settings, settings_of(chatbot, threshold_shift="0.5"))
    assert chosen(text(signed_in.get(settings))) == ["0.5", "0.5"]


@pytest.mark.parametrize("query", ["?threshold_shift=9", "?threshold_shift=x"])
def test_what_is_no_threshold_shows_the_saved_one(
    signed_in: Client, chatbot: Chatbot, query: str
) -> None:
    ask(chatbot, 0.3, "Just above")
    response = signed_in.get(page_of(chatbot, f"settings/{query}"))
    assert response.status_code == 400
    assert 'id="near_threshold_shift_error"' in text(response)
    assert lists(signed_in, chatbot, query) == (["Just above"], [])


def test_without_questions_it_says_so(signed_in: Client, chatbot: Chatbot) -> None:
    page = text(signed_in.get(page_of(chatbot, "settings/")))
    assert "No question of late was surer than that." in page
    assert "No question of late was less sure than that." in page
    assert 'data-label="Sure"' not in page


def test_of_a_question_asked_again_only_the_latest_time_counts(
    signed_in: Client, chatbot: Chatbot
) -> None:
    ask(chatbot, -0.2, "Gift cards?", session="a")
    ask(chatbot, 0.2, "GIFT cards?", session="b")
    assert lists(signed_in, chatbot) == (["GIFT cards?"], [])


def test_small_talk_is_left_out_and_so_is_what_has_no_confidence(
    signed_in: Client, chatbot: Chatbot
) -> None:
    ask(chatbot, -0.1, "Thanks a lot!")
    ask(chatbot, NOTHING - THRESHOLD, "Hi")
    store_turn(chatbot, "old", Turn("Of before", "Answer"))
    assert lists(signed_in, chatbot) == ([], [])


def test_other_chatbots_questions_are_not_shown(
    signed_in: Client, chatbot: Chatbot, alice: User, stranger: User
) -> None:
    for owner in (alice, stranger):
        ask(create_chatbot(owner, "Other"), 0.1, "Elsewhere")
    assert lists(signed_in, chatbot) == ([], [])


def test_only_the_latest_are_read(chatbot: Chatbot, monkeypatch: pytest.MonkeyPatch) -> None:
    for session in ("a", "b", "c"):
        for number in range(3):
            ask(chatbot, 0.1, f"{session}{number}", session=session)
    bounds = {"200": "2", "500": "4", "2000": "6"}
    statement = re.sub(
        r"LIMIT (\d+)",
        lambda found: f"LIMIT {bounds.get(found[1], found[1])}",
        near_threshold.NEAR_QUESTIONS,
    )
    monkeypatch.setattr(near_threshold, "NEAR_QUESTIONS", statement)
    above = questions_near(chatbot, 0.0).above
    assert sorted(question.text for question in above) == ["b2", "c1", "c2"]


def test_it_takes_one_query(
    chatbot: Chatbot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ask(chatbot, 0.1, "One")
    Message.objects.filter(role=Message.Role.ASSISTANT).delete()
    with django_assert_num_queries(1):
        [question] = questions_near(chatbot, 0.0).above
    assert question.is_as_it_was


@pytest.mark.parametrize(
    ("confidence", "percent"),
    [(0.0, "50 %"), (-0.5, "38 %"), (9.0, "over 99 %"), (-9.0, "under 1 %")],
)
def test_confidences_are_shown_in_percent(confidence: float, percent: str) -> None:
    assert percent_sure(confidence) == percent
