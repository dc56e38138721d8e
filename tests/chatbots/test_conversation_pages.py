"""Finding, reading, exporting and deleting conversations in the dashboard."""

import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chatbots import export
from chatbots.answering import answer_message
from chatbots.conversations import store_turn
from chatbots.daily import answers_of_account, count_answer
from chatbots.models import Chatbot, Conversation, DailyAnswers, Message
from chatbots.providers.base import Turn
from chatbots.services import create_chatbot


@pytest.fixture
def sessions(chatbot: Chatbot) -> str:
    """Store three conversations; return the address of the page that lists them."""
    store_turn(chatbot, "anna", Turn("Do you ship to Norway?", "We do."))
    store_turn(chatbot, "anna", Turn("And refunds?", "Within five business days."))
    store_turn(chatbot, "bert", Turn("Who are you?", "Sorry."), is_fallback=True)
    store_turn(chatbot, "carl", Turn("=1+1", "Two."), answer_milliseconds=450)
    Message.objects.filter(text="Two.").update(rating=Message.Rating.DOWN)
    return f"/dashboard/chatbots/{chatbot.id}/conversations/"


def listed(browser: Client, address: str) -> list[str]:
    html = browser.get(address).content.decode()
    return re.findall(r'class="session">(.*?)</span>', html)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["carl", "bert", "anna"]),
        ("q=norway", ["anna"]),
        ("q=five+refund", []),  # words of different messages
        ("q=refu", ["anna"]),  # the beginning of a word
        ("q=bert", ["bert"]),
        ("q=%27%29%3B+%26+%7C+%21", []),
        ("show=fallback", ["bert"]),
        ("show=answered", ["carl", "anna"]),
        ("show=rated-down", ["carl"]),
        ("show=unread&q=sorry", ["bert"]),
        ("day=2020-02-29", []),
    ],
)
def test_conversations_are_found(
    browser: Client, sessions: str, query: str, found: list[str]
) -> None:
    assert listed(browser, f"{sessions}?{query}") == found


@pytest.mark.parametrize(
    ("number", "is_last", "searches"),
    [
        ("1", False, 1),
        ("2", True, 1),
        ("3", True, 3),
        ("0", True, 2),
        ("x", False, 2),
        ("9" * 30, True, 2),
    ],
)
def test_a_search_finds_a_page_and_how_many_there_are_at_once(
    browser: Client, chatbot: Chatbot, number: str, is_last: bool, searches: int
) -> None:
    for visitor in range(28):
        store_turn(chatbot, f"visitor-{visitor:02}", Turn("Where?", "Here."))
    store_turn(chatbot, "else", Turn("When?", "Now."))
    page = f"/dashboard/chatbots/{chatbot.id}/conversations/?q=where&page={number}"
    with CaptureQueriesContext(connection) as queries:
        found = listed(browser, page)
    assert sum("to_tsquery" in query["sql"] for query in queries) == searches
    assert (len(found), found[0]) == ((3, "visitor-02") if is_last else (25, "visitor-27"))
    text = " ".join(browser.get(page).content.decode().split())
    assert f"Page {1 + is_last} of 2" in text


@pytest.mark.parametrize("query", ["day=2026-02-31", "show=x", "q=" + "x" * 201])
def test_a_query_that_does_not_fit_is_said_beside_its_field(
    browser: Client, sessions: str, query: str
) -> None:
    response = browser.get(f"{sessions}?{query}")
    assert response.status_code == 400
    assert 'class="error"' in response.content.decode()
    assert browser.get(f"{sessions}export.csv?{query}").status_code == 404


def test_a_day_is_the_readers(browser: Client, sessions: str) -> None:
    moment = timezone.now().replace(hour=20, minute=30) - timedelta(days=3)
    Conversation.objects.update(created_at=moment, last_message_at=moment)
    browser.cookies["zone"] = "Asia/Kolkata"  # where that is the next day
    assert not listed(browser, f"{sessions}?day={moment:%Y-%m-%d}")
    assert len(listed(browser, f"{sessions}?day={moment + timedelta(days=1):%Y-%m-%d}")) == 3


def test_an_opened_conversation_is_read_until_the_next_message(
    browser: Client, chatbot: Chatbot, sessions: str
) -> None:
    anna = Conversation.objects.get(session_id="anna")
    browser.get(f"{sessions}{anna.id}/")
    assert listed(browser, f"{sessions}?show=unread") == ["carl", "bert"]
    store_turn(chatbot, "anna", Turn("One more thing", "Yes?"))
    assert listed(browser, f"{sessions}?show=unread") == ["anna", "carl", "bert"]


def test_a_thread_says_how_each_answer_was(browser: Client, sessions: str) -> None:
    def thread(session_id: str) -> str:
        conversation = Conversation.objects.get(session_id=session_id)
        return browser.get(f"{sessions}{conversation.id}/").content.decode()

    assert "0.5 s" in thread("carl")
    assert "Rated down" in thread("carl")
    assert "Fallback message" in thread("bert")
    assert "Fallback message" not in thread("anna")


def test_a_link_to_a_message_shows_the_page_that_has_it(
    browser: Client, chatbot: Chatbot, sessions: str
) -> None:
    for number in range(30):
        store_turn(chatbot, "dora", Turn(f"Question {number}?", "Yes."))
    dora = Conversation.objects.get(session_id="dora")
    ids = list(dora.messages.order_by("pk").values_list("pk", flat=True))

    def shown(query: str) -> str:
        return browser.get(f"{sessions}{dora.id}/{query}").content.decode()

    for position, message in ((0, ids[0]), (49, ids[49]), (50, ids[50]), (59, ids[59])):
        page = shown(f"?message={message}")
        assert f'id="message-{message}"' in page
        assert ("Question 29?" in page) == (position >= 50)
    for none in ("?message=x", "?message=", f"?message={10**30}", "?message=0"):
        assert f'id="message-{ids[0]}"' in shown(none)


def download(browser: Client, address: str) -> str:
    response: Any = browser.get(address)
    assert response.headers["Content-Disposition"].startswith('attachment; filename="shop-')
    return b"".join(response.streaming_content).decode()


def test_exports_have_every_message_that_fits(
    browser: Client, sessions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "BATCH", 3)
    rows = list(csv.DictReader(io.StringIO(download(browser, f"{sessions}export.csv"))))
    assert [row["session_id"] for row in rows] == ["anna"] * 4 + ["bert"] * 2 + ["carl"] * 2
    assert rows[6]["text"] == "'=1+1"  # no formula in a spreadsheet
    assert [row["rating"] for row in rows[6:]] == ["", "-1"]
    found = json.loads(download(browser, f"{sessions}export.json?show=fallback"))
    assert [(row["role"], row["text"], row["is_fallback"]) for row in found] == [
        ("user", "Who are you?", False),
        ("assistant", "Sorry.", True),
    ]
    assert json.loads(download(browser, f"{sessions}export.json?q=nothing+like+it")) == []


def test_deleting_asks_once_and_names_what_goes(
    browser: Client, signed_in: Client, sessions: str
) -> None:
    anna = Conversation.objects.get(session_id="anna")
    address = f"{sessions}{anna.id}/delete/"
    asked = browser.get(address).content.decode()
    assert "anna" in asked
    assert "4 messages" in asked
    assert browser.post(address).status_code == 403  # without a token
    assert "The conversation is deleted." in signed_in.post(address, follow=True).content.decode()
    assert listed(browser, sessions) == ["carl", "bert"]
    assert Message.objects.count() == 4
    assert signed_in.post(address).status_code == 404


@pytest.fixture
def signed_in(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def test_a_stranger_finds_nothing(strangers_browser: Client, sessions: str) -> None:
    anna = Conversation.objects.get(session_id="anna")
    for page in ("", "export.csv", "export.json", f"{anna.id}/", f"{anna.id}/delete/"):
        assert strangers_browser.get(f"{sessions}{page}").status_code == 404
    assert strangers_browser.post(f"{sessions}{anna.id}/delete/").status_code == 404
    assert Conversation.objects.count() == 3


def test_answers_are_counted_by_day_and_stay_so(
    alice: User, chatbot: Chatbot, signed_in: Client
) -> None:
    answer_message(chatbot, "a", "Qwertyuiop?")
    answer_message(chatbot, "a", "Do you ship to Norway?")
    DailyAnswers.objects.create(
        chatbot=chatbot, day=timezone.now().date() - timedelta(days=29), answered=5
    )
    DailyAnswers.objects.create(
        chatbot=chatbot, day=timezone.now().date() - timedelta(days=30), answered=7
    )
    conversation = chatbot.conversations.get()
    answer = conversation.messages.filter(role=Message.Role.ASSISTANT).first()
    assert answer is not None
    assert answer.is_fallback
    assert answer.answer_milliseconds is not None
    signed_in.post(f"/dashboard/chatbots/{chatbot.id}/conversations/{conversation.id}/delete/")
    days, messages = answers_of_account(alice.id)
    assert (len(days), days[0], days[-1]) == (30, (5, 0), (1, 1))
    assert messages == {chatbot.id: (7, 2)}


def test_simultaneous_answers_are_all_counted(transactional_db: None) -> None:
    owner = User.objects.create_user("a@example.org")
    chatbot = create_chatbot(owner, "Shop")

    def count(number: int) -> None:
        count_answer(chatbot.id, is_fallback=number % 4 == 0)
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(80)))
    assert answers_of_account(owner.id).by_day[-1] == (60, 20)
