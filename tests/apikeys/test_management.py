"""Managing keys as JSON: session and CSRF token, never a key."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Plan, User
from apikeys.models import ApiKey
from apikeys.services import CreatedKey, create_api_key, revoke_api_key
from tests.conftest import ApiClient, detail

URL = "/api/v1/api-keys"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


def csrf(browser: Client) -> dict[str, str]:
    """Return the header that a page's script would send."""
    if "csrftoken" not in browser.cookies:
        browser.get("/dashboard/developer/api-keys/create/")
    return {"X-CSRFToken": browser.cookies["csrftoken"].value}


def post(browser: Client, body: Any) -> Any:
    return browser.post(URL, body, content_type="application/json", headers=csrf(browser))


def delete(browser: Client, key_id: object) -> Any:
    return browser.delete(f"{URL}/{key_id}", headers=csrf(browser))


def test_creating_shows_the_key_once(browser: Client, alice: User) -> None:
    response = post(browser, {"name": "  Production  "})
    assert response.status_code == 201
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert list(body) == [
        *("id", "name", "prefix", "last_used_at", "created_at", "revoked_at", "is_active"),
        "key",
    ]
    assert body["name"] == "Production"
    assert body["prefix"] == body["key"][:8]
    assert body["last_used_at"] is body["revoked_at"] is None
    assert body["is_active"] is True
    assert INSTANT.fullmatch(body["created_at"])
    assert ApiClient(body["key"]).get("/chatbots").status_code == 200
    assert body["key"] not in browser.get(URL).content.decode()


def test_the_answer_with_the_key_is_not_stored_by_anybody(browser: Client) -> None:
    assert "no-store" in post(browser, {"name": "x"}).headers["Cache-Control"]


def test_keys_are_listed_newest_first_revoked_ones_too(browser: Client, alice: User) -> None:
    old, new = create_api_key(alice, "old"), create_api_key(alice, "new")
    revoke_api_key(alice.id, str(old.api_key.id))
    first, second = browser.get(URL).json()
    assert (first["name"], second["name"]) == ("new", "old")
    assert first["is_active"]
    assert not second["is_active"]
    assert INSTANT.fullmatch(second["revoked_at"])
    assert "key" not in first
    assert first["id"] == str(new.api_key.id)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": " \t "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": None}, "name"),
        ({"name": 7}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "\ud800"}, "name"),
        ([], "body"),
        ("x", "body"),
    ],
)
def test_a_name_that_does_not_fit_is_refused_by_name(
    browser: Client, body: object, field: str
) -> None:
    response = post(browser, body)
    assert response.status_code == 400
    assert detail(response).startswith(f"{field}: ")
    assert not ApiKey.objects.exists()


def test_a_name_may_have_100_characters_after_trimming(browser: Client) -> None:
    assert post(browser, {"name": f" {'é' * 100} "}).json()["name"] == "é" * 100


def test_the_sixth_active_key_is_refused(browser: Client, alice: User) -> None:
    for number in range(5):
        assert post(browser, {"name": str(number)}).status_code == 201
    refused = post(browser, {"name": "sixth"})
    assert refused.status_code == 400
    assert refused.content == b'{"detail": "Maximum 5 active API keys allowed."}'
    assert ApiKey.objects.owned_by(alice.id).count() == 5


def test_a_revoked_key_frees_its_place(browser: Client, alice: User) -> None:
    keys = [create_api_key(alice, str(number)) for number in range(5)]
    assert delete(browser, keys[2].api_key.id).status_code == 204
    assert post(browser, {"name": "again"}).status_code == 201
    assert post(browser, {"name": "one too many"}).status_code == 400


def test_a_plans_own_cap_is_held_and_named(browser: Client, alice: User) -> None:
    alice.plan = Plan.objects.create(name="Large", max_active_api_keys=6)
    alice.save()
    for number in range(6):
        assert post(browser, {"name": str(number)}).status_code == 201
    assert detail(post(browser, {"name": "x"})) == "Maximum 6 active API keys allowed."


def test_ended_keys_count_against_the_cap_on_all_keys(browser: Client, alice: User) -> None:
    alice.plan = Plan.objects.create(name="Small", max_api_keys=3)
    alice.save()
    revoked = create_api_key(alice, "revoked").api_key
    revoke_api_key(alice.id, str(revoked.id))
    create_api_key(alice, "expired", expires_at=timezone.now() - timedelta(hours=1))
    assert post(browser, {"name": "third"}).status_code == 201
    refused = post(browser, {"name": "fourth"})
    assert refused.status_code == 400
    assert detail(refused) == "Maximum 3 API keys allowed, revoked and expired ones included."
    assert ApiKey.objects.owned_by(alice.id).count() == 3


def test_revoking_is_final_and_again_changes_nothing(
    browser: Client, alices_key: CreatedKey
) -> None:
    key_id = alices_key.api_key.id
    response = delete(browser, key_id)
    assert (response.status_code, response.content) == (204, b"")
    revoked_at = ApiKey.objects.get(id=key_id).revoked_at
    assert isinstance(revoked_at, datetime)
    assert delete(browser, key_id).status_code == 204
    assert ApiKey.objects.get(id=key_id).revoked_at == revoked_at


def test_a_revoked_key_is_rejected_at_once(browser: Client, alices_key: CreatedKey) -> None:
    api = ApiClient(alices_key.token.plaintext)
    assert api.get("/chatbots").status_code == 200
    delete(browser, alices_key.api_key.id)
    assert api.get("/chatbots").status_code == 401


@pytest.mark.parametrize("key_id", [uuid.uuid4(), "nonsense", "1", "%00", "é", "x" * 500])
def test_revoking_what_does_not_exist_is_not_found(browser: Client, key_id: object) -> None:
    response = delete(browser, key_id)
    assert response.status_code == 404
    assert response.content == b'{"detail": "API key not found."}'


def test_a_stranger_neither_sees_nor_revokes(
    strangers_browser: Client, alices_key: CreatedKey
) -> None:
    assert strangers_browser.get(URL).json() == []
    response = strangers_browser.delete(f"{URL}/{alices_key.api_key.id}")
    assert response.status_code == 404
    assert response.content == b'{"detail": "API key not found."}'
    assert ApiKey.objects.get().is_active


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_a_key_manages_no_keys(alices_key: CreatedKey, method: str) -> None:
    path = f"/{alices_key.api_key.id}" if method == "delete" else ""
    response = ApiClient(alices_key.token.plaintext).request(
        method.upper(),
        f"/api-keys{path}",
        data='{"name": "minted"}',
        content_type="application/json",
    )
    assert response.status_code == 401
    assert detail(response) == "Unauthorized"
    assert ApiKey.objects.active().count() == 1


@pytest.mark.parametrize("method", ["post", "delete"])
def test_a_session_without_a_csrf_token_changes_nothing(
    browser: Client, alices_key: CreatedKey, method: str
) -> None:
    url = f"{URL}/{alices_key.api_key.id}" if method == "delete" else URL
    response = browser.generic(
        method.upper(), url, '{"name": "x"}', content_type="application/json"
    )
    assert response.status_code == 403
    detail(response)
    assert ApiKey.objects.active().count() == 1


def test_managing_counts_against_no_limit(browser: Client, alices_key: CreatedKey) -> None:
    response = browser.get(URL, headers={"Authorization": f"Bearer {alices_key.token.plaintext}"})
    assert response.status_code == 200
    assert "RateLimit" not in response.headers


def test_nobody_signed_in_is_unauthorized(db: None) -> None:
    assert detail(Client().get(URL)) == "Unauthorized"


def test_a_deactivated_owner_is_unauthorized(browser: Client, alice: User) -> None:
    User.objects.filter(id=alice.id).update(is_active=False)
    assert browser.get(URL).status_code == 401
