"""Creating a key asks for a fresh sign-in, by JSON as on the page."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.services import create_api_key
from tests.accounts.test_account_pages import make_session_stale
from tests.conftest import PASSWORD, detail

URL = "/api/v1/api-keys"


@pytest.fixture
def old_session(owner: User) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    client.get("/dashboard/developer/api-keys/create/")  # which sets the CSRF cookie
    make_session_stale(client)
    return client


def csrf(client: Client) -> dict[str, str]:
    return {"X-CSRFToken": client.cookies["csrftoken"].value}


def create(client: Client, body: Any) -> Any:
    return client.post(URL, body, content_type="application/json", headers=csrf(client))


def test_a_fresh_session_creates_a_key_by_json(old_session: Client, owner: User) -> None:
    old_session.force_login(owner)
    assert create(old_session, {"name": "Production"}).status_code == 201


def test_an_old_session_creates_none_by_json(old_session: Client) -> None:
    refused = create(old_session, {"name": "Production"})
    assert refused.status_code == 403
    assert detail(refused) == "Sign in again to do this."
    assert not ApiKey.objects.exists()


def test_an_old_session_is_refused_before_its_body_is_read(old_session: Client) -> None:
    for body in ({"name": ""}, "{"):
        assert create(old_session, body).status_code == 403


def test_a_missing_csrf_token_is_refused_before_an_old_session(old_session: Client) -> None:
    refused = old_session.post(URL, {"name": "x"}, content_type="application/json")
    assert detail(refused) == "CSRF check Failed"


def test_confirming_on_a_page_makes_the_session_fresh_for_json(old_session: Client) -> None:
    old_session.post("/account/confirm/", {"password": PASSWORD}, headers=csrf(old_session))
    assert create(old_session, {"name": "Production"}).status_code == 201


def test_an_old_session_still_lists_and_revokes_by_json(old_session: Client, owner: User) -> None:
    key_id = create_api_key(owner, "Production").api_key.id
    assert [listed["id"] for listed in old_session.get(URL).json()] == [str(key_id)]
    revoked = old_session.delete(f"{URL}/{key_id}", headers=csrf(old_session))
    assert revoked.status_code == 204
