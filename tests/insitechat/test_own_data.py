"""Taking one's data along, and deleting the account."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import SecurityEvent, User
from accounts.security_log import Actor, Kind, record
from apikeys.models import ApiKey
from apikeys.services import CreatedKey, create_api_key
from apikeys.usage import recorder
from chatbots.models import Chatbot, Conversation, Message
from chatbots.services import add_text_source, create_chatbot
from tests.accounts.test_account_pages import grow_old
from tests.conftest import SHOP, ApiClient

EXPORT = "/account/export/"
DELETE = "/account/delete/"


@pytest.fixture
def signed_in(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def strangers_data(stranger: User) -> Chatbot:
    chatbot = create_chatbot(stranger, "Strange shop")
    add_text_source(chatbot, "Strange rules", "Strangers only.")
    create_api_key(stranger, "Strange key")
    return chatbot


def test_it_has_everything_of_mine_and_nothing_else(
    signed_in: Client,
    chatbot: Chatbot,
    alices_key: CreatedKey,
    strangers_data: Chatbot,
    api: ApiClient,
) -> None:
    api.post(f"/chatbots/{chatbot.id}/chat", {"message": "Do you ship to Norway?"})
    recorder.write()
    response = signed_in.post(EXPORT)
    assert "attachment" in response.headers["Content-Disposition"]
    assert "no-store" in response.headers["Cache-Control"]
    data = response.json()
    assert data["profile"]["email"] == "alice@example.org"
    assert data["plan"]["name"] == "Free"
    (bot,) = data["chatbots"]
    assert bot["name"] == "Shop"
    assert bot["sources"][0]["title"] == "Rules"
    assert bot["sources"][0]["text"] == SHOP
    messages = bot["conversations"][0]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[0]["text"] == "Do you ship to Norway?"
    assert data["messages_used"][0]["used"] == 1
    assert data["api_keys"][0]["name"] == "Production"
    assert bot["message_usage"][0]["used"] == 1
    assert [(one["status"], one["count"]) for one in data["calls_by_hour"]] == [(200, 1)]
    assert data["api_keys"][0]["prefix"] == alices_key.token.prefix
    body = response.content.decode()
    assert "trange" not in body
    assert alices_key.token.plaintext not in body
    assert alices_key.token.digest.hex() not in body
    assert "digest" not in body
    assert "pbkdf2" not in body
    assert SecurityEvent.objects.latest("id").kind == Kind.DATA_EXPORTED


def test_it_leaves_out_where_staff_were(signed_in: Client, alice: User) -> None:
    SecurityEvent.objects.create(
        account=alice, kind=Kind.PLAN_CHANGED, actor=Actor.STAFF, ip_address="192.0.2.99"
    )
    record(alice.id, Kind.SIGNED_OUT, actor=Actor.OWNER)
    assert "192.0.2.99" not in signed_in.post(EXPORT).content.decode()


def test_exporting_is_a_post_of_its_owner(signed_in: Client) -> None:
    assert signed_in.get(EXPORT).status_code == 405
    assert Client().post(EXPORT).status_code == 302


def test_deleting_says_what_goes_and_ends_everything(
    signed_in: Client,
    alice: User,
    chatbot: Chatbot,
    alices_key: CreatedKey,
    api: ApiClient,
    strangers_data: Chatbot,
    strangers_api: ApiClient,
) -> None:
    api.post(f"/chatbots/{chatbot.id}/chat", {"message": "Do you ship to Norway?"})
    elsewhere = Client()
    elsewhere.force_login(alice)
    page = signed_in.get(DELETE).content.decode()
    assert "1 working API key:" in page
    assert "1 chatbot with 1 source" in page
    assert User.objects.filter(id=alice.id).exists()
    answer = signed_in.post(DELETE, follow=True)
    assert "is deleted" in answer.content.decode()
    assert answer.redirect_chain[-1][0] == "/sign-in/"
    assert api.get("/chatbots").status_code == 401
    assert elsewhere.get("/account/").status_code == 302
    assert not User.objects.filter(id=alice.id).exists()
    assert not SecurityEvent.objects.filter(account_id=alice.id).exists()
    assert Chatbot.objects.get() == strangers_data
    assert not Message.objects.exists()
    assert not Conversation.objects.exists()
    assert strangers_api.get("/chatbots").status_code == 200


def test_an_old_session_is_asked_first(signed_in: Client, alice: User) -> None:
    alice.set_password("correct horse battery")
    alice.save()
    signed_in.force_login(alice)
    grow_old(signed_in)
    for answer in (signed_in.get(DELETE), signed_in.post(DELETE)):
        assert answer.headers["Location"].startswith("/account/confirm/")
    assert User.objects.filter(id=alice.id).exists()


def test_staff_stay(db: None) -> None:
    boss = User.objects.create_superuser("boss@example.org")
    client = Client()
    client.force_login(boss)
    assert "member of the staff" in client.get(DELETE).content.decode()
    assert client.post(DELETE).status_code == 403
    assert User.objects.get() == boss


def test_a_stranger_deletes_only_themselves(
    strangers_browser: Client, alices_key: CreatedKey
) -> None:
    strangers_browser.post(DELETE)
    assert [user.email for user in User.objects.all()] == ["alice@example.org"]
    assert ApiKey.objects.get().is_active


def test_nobody_signed_in_is_sent_to_sign_in(db: None) -> None:
    for answer in (Client().get(DELETE), Client().post(DELETE)):
        assert answer.headers["Location"].startswith("/sign-in/")


def test_its_cost_does_not_grow_with_the_chatbots(
    signed_in: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        add_text_source(create_chatbot(alice, f"Shop {number}"), "Rules", SHOP)
    with django_assert_max_num_queries(20):
        signed_in.post(EXPORT)
