"""Downloading an account's data, and deleting the account."""

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.services import CreatedKey, create_api_key
from apikeys.usage import recorder
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot, Conversation, Message
from chatbots.services import create_chatbot
from insitechat.operations.jobs import delete_expired_exports
from insitechat.operations.models import EXPORT_KEPT, DataExport, ExportPart
from insitechat.operations.security_events import DATA_EXPORTED
from securitylog.models import SecurityEvent
from securitylog.origin import Actor
from securitylog.recording import record
from securitylog.security_events import PLAN_CHANGED, SIGNED_OUT
from tests.accounts.test_account_pages import make_session_stale
from tests.conftest import SHOP, ApiClient
from tests.jobs import run_due_jobs

EXPORT = "/account/export/"
FILE = f"{EXPORT}file/"
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


def export(client: Client) -> str:
    """Have the account's file made, and download it."""
    assert client.post(EXPORT).headers["Location"] == EXPORT
    assert "is being made" in client.get(EXPORT).content.decode()
    assert client.get(FILE).status_code == 404
    run_due_jobs()
    assert FILE in client.get(EXPORT).content.decode()
    response: Any = client.get(FILE)
    assert "attachment" in response.headers["Content-Disposition"]
    assert "no-store" in response.headers["Cache-Control"]
    body: bytes = response.getvalue()
    assert len(body) == int(response.headers["Content-Length"])
    return body.decode()


def test_export_has_everything_of_the_account_and_nothing_else(
    signed_in: Client,
    chatbot: Chatbot,
    alices_key: CreatedKey,
    strangers_data: Chatbot,
    api: ApiClient,
) -> None:
    api.post(f"/chatbots/{chatbot.id}/chat", {"message": "Do you ship to Norway?"})
    recorder.write()
    body = export(signed_in)
    data = json.loads(body)
    assert data["profile"]["email"] == "alice@example.org"
    assert data["plan"]["name"] == "Free"
    (exported,) = data["chatbots"]
    assert exported["name"] == "Shop"
    assert exported["sources"][0]["title"] == "Rules"
    assert exported["sources"][0]["text"] == SHOP
    messages = exported["conversations"][0]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[0]["text"] == "Do you ship to Norway?"
    assert data["messages_used"][0]["used"] == 1
    assert data["api_keys"][0]["name"] == "Production"
    assert exported["message_usage"][0]["used"] == 1
    assert [(hour["status"], hour["count"]) for hour in data["calls_by_hour"]] == [(200, 1)]
    assert data["api_keys"][0]["prefix"] == alices_key.token.prefix
    assert "strange" not in body.lower()
    assert alices_key.token.plaintext not in body
    assert alices_key.token.digest.hex() not in body
    assert "digest" not in body
    assert "pbkdf2" not in body
    assert SecurityEvent.objects.latest("id").kind == DATA_EXPORTED


def test_export_hides_where_staff_acted_from(signed_in: Client, alice: User) -> None:
    SecurityEvent.objects.create(
        account=alice, kind=PLAN_CHANGED, actor=Actor.STAFF, ip_address="192.0.2.99"
    )
    record(alice.id, SIGNED_OUT, actor=Actor.OWNER)
    assert "192.0.2.99" not in export(signed_in)


def test_a_large_export_comes_in_parts(
    signed_in: Client, chatbot: Chatbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("insitechat.operations.jobs.PART_BYTES", 100)
    assert json.loads(export(signed_in))["chatbots"][0]["name"] == "Shop"
    assert ExportPart.objects.count() > 1
    export(signed_in)  # takes the place of the former one
    assert DataExport.objects.count() == 1


def test_an_export_expires(signed_in: Client, chatbot: Chatbot) -> None:
    export(signed_in)
    DataExport.objects.update(requested_at=timezone.now() - EXPORT_KEPT)
    assert signed_in.get(FILE).status_code == 404
    assert FILE not in signed_in.get(EXPORT).content.decode()
    delete_expired_exports()
    assert not ExportPart.objects.exists()


def test_an_export_is_its_owners_alone(
    signed_in: Client, strangers_browser: Client, alice: User
) -> None:
    export(signed_in)
    assert strangers_browser.get(FILE).status_code == 404
    for answer in (Client().get(FILE), Client().post(EXPORT)):
        assert answer.headers["Location"].startswith("/sign-in/")


def test_an_export_needs_a_fresh_sign_in(signed_in: Client, alice: User) -> None:
    alice.set_password("correct horse battery")
    alice.save()
    signed_in.force_login(alice)
    export(signed_in)
    make_session_stale(signed_in)
    for answer in (signed_in.get(EXPORT), signed_in.post(EXPORT), signed_in.get(FILE)):
        assert answer.headers["Location"].startswith("/account/confirm/")


def test_deleting_lists_what_will_go_and_deletes_everything(
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
    assert "1 active API key:" in page
    assert "1 chatbot with 1 source" in page
    assert User.objects.filter(id=alice.id).exists()
    answer = signed_in.post(DELETE, follow=True)
    assert "is being deleted" in answer.content.decode()
    assert answer.redirect_chain[-1][0] == "/sign-in/"
    assert api.get("/chatbots").status_code == 401
    assert elsewhere.get("/account/").status_code == 302
    run_due_jobs()
    assert not User.objects.filter(id=alice.id).exists()
    assert not SecurityEvent.objects.filter(account_id=alice.id).exists()
    assert Chatbot.objects.get() == strangers_data
    assert not Message.objects.exists()
    assert not Conversation.objects.exists()
    assert strangers_api.get("/chatbots").status_code == 200


def test_stale_session_has_to_confirm_before_deleting(signed_in: Client, alice: User) -> None:
    alice.set_password("correct horse battery")
    alice.save()
    signed_in.force_login(alice)
    make_session_stale(signed_in)
    for answer in (signed_in.get(DELETE), signed_in.post(DELETE)):
        assert answer.headers["Location"].startswith("/account/confirm/")
    assert User.objects.filter(id=alice.id).exists()


def test_staff_cannot_delete_their_own_account(db: None) -> None:
    superuser = User.objects.create_superuser("boss@example.org")
    client = Client()
    client.force_login(superuser)
    assert "member of staff" in client.get(DELETE).content.decode()
    assert client.post(DELETE).status_code == 403
    assert User.objects.get() == superuser


def test_stranger_deletes_only_their_own_account(
    strangers_browser: Client, alices_key: CreatedKey
) -> None:
    strangers_browser.post(DELETE)
    run_due_jobs()
    assert [user.email for user in User.objects.all()] == ["alice@example.org"]
    assert ApiKey.objects.get().is_active


def test_anonymous_visitor_is_sent_to_sign_in(db: None) -> None:
    for answer in (Client().get(DELETE), Client().post(DELETE)):
        assert answer.headers["Location"].startswith("/sign-in/")
