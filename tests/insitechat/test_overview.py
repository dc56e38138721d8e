"""Dashboard → Overview: what it shows, to whom, and at what cost."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.services import CreatedKey, create_api_key, revoke_api_key
from apikeys.usage import recorder
from chatbots.answering import answer_message
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot
from chatbots.services import create_chatbot
from insitechat.operations.demo import create_demo
from tests.conftest import SHOP, ApiClient

OVERVIEW = "/dashboard/"


def show(browser: Client) -> str:
    """Return the page's text, without its markup."""
    html = browser.get(OVERVIEW).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def steps_done(browser: Client) -> int:
    return show(browser).count("(done)")


def test_the_first_steps_tick_themselves_off(browser: Client, alice: User) -> None:
    assert "From a first chatbot to a first call" in show(browser)
    assert steps_done(browser) == 0
    chatbot = create_chatbot(alice, "Shop")
    assert steps_done(browser) == 1
    add_text_source(chatbot, "Rules", SHOP)
    assert steps_done(browser) == 2
    answer_message(chatbot, "a", "Do you ship to Norway?")
    assert steps_done(browser) == 3
    created = create_api_key(alice, "Production")
    assert steps_done(browser) == 4
    ApiClient(created.token.plaintext).get("/chatbots")
    recorder.write()
    assert "From a first chatbot" not in show(browser)
    revoke_api_key(alice.id, str(created.api_key.id))
    assert "From a first chatbot" not in show(browser)


def test_numbers_are_those_of_the_last_30_days(
    browser: Client, api: ApiClient, chatbot: Chatbot
) -> None:
    for question in ("Do you ship to Norway?", "Are refunds paid?", "Qwertyuiop?"):
        api.post(f"/chatbots/{chatbot.id}/chat", {"message": question, "session_id": question})
    recorder.write()
    shown = show(browser)
    assert "API calls 3 in the last 30 days" in shown
    assert "Messages 3 in the last 30 days" in shown
    assert "Answered 67% 1 without an answer" in shown
    assert "3 of 1,000 starts again in" in shown
    assert re.search(r"Shop Active 1 3 3 ", shown)


def test_keys_that_want_attention_are_named(
    browser: Client, alice: User, api: ApiClient, alices_key: CreatedKey
) -> None:
    assert "None is at its limit" in show(browser)
    create_api_key(alice, "Ends", expires_at=timezone.now() + timedelta(days=3, minutes=1))
    forgotten = create_api_key(alice, "Forgotten").api_key
    ApiKey.objects.filter(id=forgotten.id).update(created_at=timezone.now() - timedelta(days=91))
    for _ in range(60):
        api.get("/chatbots")
    shown = show(browser)
    assert "Production is at its limit now: 60 of 60 calls" in shown
    assert "Ends ends in 3 days" in shown
    assert "Forgotten was never used; created 91 days ago" in shown


def test_a_stranger_sees_nothing_of_it(
    strangers_browser: Client, chatbot: Chatbot, alices_key: CreatedKey
) -> None:
    shown = show(strangers_browser)
    assert "Shop" not in shown
    assert "Production" not in shown


def test_without_signing_in_there_is_no_page(db: None) -> None:
    assert Client().get(OVERVIEW).headers["Location"] == f"/sign-in/?next={OVERVIEW}"
    assert Client().get("/").headers["Location"] == OVERVIEW


def test_its_queries_do_not_grow_with_the_account(browser: Client, alice: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as sent:
            browser.get(OVERVIEW)
        return len(sent)

    for number in range(2):
        add_text_source(create_chatbot(alice, f"Chatbot {number}"), "Rules", SHOP)
        create_api_key(alice, f"Key {number}")
    few = queries()
    for number in range(2, 12):
        create_chatbot(alice, f"Chatbot {number}")
    for number in range(2, 5):
        create_api_key(alice, f"Key {number}")
    assert queries() == few
    assert "All 12 chatbots" in show(browser)


@pytest.fixture
def demo(db: None) -> Client:
    assert create_demo("x", is_lively=True)
    client = Client()
    client.force_login(User.objects.get())
    return client


def test_a_lively_demo_fills_thirty_days(demo: Client) -> None:
    html = demo.get(OVERVIEW).content.decode()
    assert "Northwind shop" in html
    assert "Contractor" in html
    most = re.search(r"Messages on each of the last 30 days: from \d+ to (\d+)", html)
    assert most
    assert int(most[1]) > 20
    assert len(html) < 40_000
