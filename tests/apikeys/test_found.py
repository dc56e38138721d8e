"""Whoever finds a key can have it revoked; its owner is told, and nobody learns about the key."""

import logging
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from apikeys import tokens
from apikeys.models import ApiKey
from apikeys.services import CreatedKey, create_api_key
from securitylog.models import SecurityEvent
from securitylog.origin import Actor
from tests.conftest import ApiClient, detail, shown_headers, statements_sent
from tests.jobs import delivered

URL = "/api/v1/keys/found"
THANKS = {
    "detail": "Thank you. If this is an active API key, it is revoked now and its owner is told."
}


def report(key: Any, client: Client | None = None) -> Any:
    return (client or Client()).post(URL, {"key": key}, content_type="application/json")


def test_a_found_key_is_revoked_at_once(alices_key: CreatedKey, api: ApiClient) -> None:
    assert api.get("/chatbots").status_code == 200
    response = report(alices_key.token.plaintext)
    assert (response.status_code, response.json()) == (200, THANKS)
    assert api.get("/chatbots").status_code == 401


def test_its_owner_is_told_by_mail(alice: User, alices_key: CreatedKey) -> None:
    report(alices_key.token.plaintext)
    [mail] = delivered()
    assert mail.to == [alice.email]
    assert mail.subject == f"Your API key {alices_key.api_key.prefix}… was found, and is revoked"
    assert f"“Production” ({alices_key.api_key.prefix}…)" in mail.body
    activity = f"/dashboard/developer/api-keys/{alices_key.api_key.id}/activity/"
    assert f"http://testserver{activity}\n" in mail.body
    client = Client()
    client.force_login(alice)
    assert client.get(activity).status_code == 200
    assert alices_key.token.plaintext not in str(mail.message())


def test_it_stands_in_the_owners_security_log(alice: User, alices_key: CreatedKey) -> None:
    report(alices_key.token.plaintext)
    event = SecurityEvent.objects.owned_by(alice.id).filter(kind__startswith="api_key").latest("id")
    assert (event.kind, event.actor) == ("api_key_found", Actor.UNKNOWN)


def test_the_answer_is_the_same_for_every_text(alice: User, alices_key: CreatedKey) -> None:
    revoked = create_api_key(alice, "revoked")
    ApiKey.objects.filter(id=revoked.api_key.id).revoke()
    expired = create_api_key(alice, "expired", expires_at=timezone.now() - timedelta(1))
    texts = [
        alices_key.token.plaintext,
        revoked.token.plaintext,
        expired.token.plaintext,
        tokens.generate().plaintext,
        *("", "garbage", "ic_" + 44 * "x", "\0", "𝕚𝕔_", 100_000 * "x"),
    ]
    answers = [report(text) for text in texts]
    assert len({answer.content for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {200}
    shown = [shown_headers(answer) for answer in answers]
    assert shown == shown[:1] * len(texts)


def test_reporting_again_changes_nothing(alices_key: CreatedKey) -> None:
    report(alices_key.token.plaintext)
    revoked_at = ApiKey.objects.get().revoked_at
    report(alices_key.token.plaintext)
    assert ApiKey.objects.get().revoked_at == revoked_at
    assert len(delivered()) == 1


def test_other_keys_stay(alice: User, alices_key: CreatedKey) -> None:
    other = create_api_key(alice, "other")
    report(alices_key.token.plaintext)
    assert ApiClient(other.token.plaintext).get("/chatbots").status_code == 200


def test_a_closed_account_gets_no_mail(alice: User, alices_key: CreatedKey) -> None:
    User.objects.filter(id=alice.id).update(is_active=False)
    assert report(alices_key.token.plaintext).json() == THANKS
    assert not delivered()


def test_what_cannot_be_a_key_costs_no_query(db: None) -> None:
    with statements_sent() as statements:
        report("garbage")
    assert not statements


@pytest.mark.parametrize("body", [{}, {"key": None}, {"key": 1}, {"key": ["x"]}])
def test_a_body_without_a_text_is_refused_by_the_fields_name(body: Any, db: None) -> None:
    response = Client().post(URL, body, content_type="application/json")
    assert response.status_code == 400
    assert detail(response).startswith("key")


def test_other_methods_and_paths_are_refused(db: None) -> None:
    assert Client().get(URL).status_code == 405
    assert Client().post(f"/api/v1/keys/{uuid.uuid4()}").status_code == 401


def test_each_address_may_report_60_a_minute(db: None) -> None:
    here, elsewhere = Client(REMOTE_ADDR="192.0.2.1"), Client(REMOTE_ADDR="2001:db8::1")
    for _ in range(60):
        assert report("x", here).status_code == 200
    refused = report("x", here)
    assert (refused.status_code, detail(refused)) == (429, "Too many requests.")
    assert "Retry-After" not in refused.headers
    assert report("x", elsewhere).status_code == 200


def test_a_failure_shows_no_key(
    alices_key: CreatedKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError(alices_key.token.plaintext)

    monkeypatch.setattr("apikeys.found.tell_owner", fail)
    client = Client(raise_request_exception=False)
    with caplog.at_level(logging.DEBUG):
        response = report(alices_key.token.plaintext, client)
    assert response.status_code == 500
    assert alices_key.token.plaintext.encode() not in response.content
    assert ApiKey.objects.get().is_active  # the mail and the revocation happen together
