"""How many chatbots and sources an account may have, and lists by the page."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Plan, User
from apikeys.models import ApiKey
from apikeys.services import create_api_key
from apikeys.tokens import generate
from chatbots.caps import CapReached
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot, Source
from chatbots.services import create_chatbot

CHATBOTS = "/dashboard/chatbots/"
KEYS = "/dashboard/developer/api-keys/"


@pytest.fixture
def small(alice: User) -> User:
    alice.plan = Plan.objects.create(name="Small", max_chatbots=2, max_sources=2)
    alice.save()
    return alice


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_one_chatbot_too_many_is_refused_with_the_cap(small: User) -> None:
    first = create_chatbot(small, "First")
    Chatbot.objects.filter(pk=first.pk).soft_delete()  # it can be restored, so it counts
    create_chatbot(small, "Second")
    answer = signed_in(small).post(
        f"{CHATBOTS}create/", {"name": "Third", "provider": "builtin", "text": ""}
    )
    assert answer.status_code == 400
    assert "Maximum 2 chatbots allowed" in answer.content.decode()
    assert Chatbot.objects.count() == 2


def test_one_source_too_many_is_refused_with_the_cap(small: User, stranger: User) -> None:
    chatbots = [create_chatbot(small, "First"), create_chatbot(small, "Second")]
    sources = [add_text_source(chatbot, "A text", "We ship to Norway.") for chatbot in chatbots]
    add_text_source(create_chatbot(stranger, "Other"), "A text", "We ship to Norway.")
    browser = signed_in(small)
    of_chatbot = f"{CHATBOTS}{chatbots[0].id}/sources/"
    text = {"title": "Another", "text": "We ship to Sweden."}
    answer = browser.post(f"{of_chatbot}add-text/", text)
    assert answer.status_code == 400
    assert "Maximum 2 sources allowed" in answer.content.decode()
    assert browser.post(f"{of_chatbot}{sources[0].id}/", text).status_code == 302  # rewriting
    assert Source.objects.filter(chatbot__owner=small).count() == 2


@pytest.mark.django_db(transaction=True)
def test_simultaneous_creations_do_not_exceed_the_cap() -> None:
    plan = Plan.objects.create(name="Small", max_chatbots=3)
    owner = User.objects.create_user("a@example.org", plan=plan)

    def create(number: int) -> bool:
        try:
            create_chatbot(owner, f"Chatbot {number}")
        except CapReached:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(16))) == 3
    assert Chatbot.objects.count() == 3


def test_chatbots_and_keys_are_listed_by_the_page(
    alice: User, django_assert_max_num_queries: Any
) -> None:
    Chatbot.objects.bulk_create(
        Chatbot(owner=alice, name=f"Shop {number}.", slug=f"shop-{number}") for number in range(60)
    )
    working = create_api_key(alice, "Working").api_key
    ApiKey.objects.bulk_create(
        ApiKey(
            owner=alice,
            name=f"Key {number}.",
            prefix=token.prefix,
            digest=token.digest,
            revoked_at=working.created_at,
        )
        for number, token in ((number, generate()) for number in range(60))
    )
    browser = signed_in(alice)
    for path, name in ((CHATBOTS, "Shop"), (KEYS, "Key")):
        with django_assert_max_num_queries(12):
            first = browser.get(path).content.decode()
        second = browser.get(path, {"page": 2}).content.decode()
        assert "Page 1 of 2" in first
        names = [
            [f"{name} {number}.</a>" in page for page in (first, second)] for number in range(60)
        ]
        assert all(sum(where) == 1 for where in names)
    assert "1 of 5 active keys" in second  # counted over all pages
