import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import Plan, User
from apikeys.models import ApiKey
from apikeys.services import CreatedKey, create_api_key, revoke_api_key
from tests.conftest import ApiClient

LIST = "/dashboard/developer/api-keys/"
CREATE = f"{LIST}create/"
KEY = re.compile(r"ic_[A-Za-z0-9_-]{44}")


@pytest.fixture
def signed_in(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def revoke_url(created: CreatedKey) -> str:
    return f"{LIST}{created.api_key.id}/revoke/"


def text(response: Any) -> str:
    return str(response.content.decode())


def test_the_list_shows_every_key_of_the_account(signed_in: Client, alice: User) -> None:
    active, revoked = create_api_key(alice, "Production"), create_api_key(alice, "Old laptop")
    revoke_api_key(alice.id, str(revoked.api_key.id))
    page = text(signed_in.get(LIST))
    assert "Production" in page
    assert "Old laptop" in page
    assert active.token.prefix in page
    assert active.token.plaintext not in page
    assert "Never" in page
    assert "Active" in page
    assert "Revoked" in page
    assert "1 of 5" in page


def test_without_keys_it_says_what_to_do(signed_in: Client) -> None:
    assert "There is no key yet" in text(signed_in.get(LIST))


def test_creating_shows_a_working_key_once(signed_in: Client) -> None:
    created = signed_in.post(CREATE, {"name": "Production"})
    (plaintext,) = set(KEY.findall(text(created)))
    assert "no-store" in created.headers["Cache-Control"]
    assert ApiClient(plaintext).get("/chatbots").status_code == 200
    assert plaintext not in text(signed_in.get(LIST))
    assert plaintext not in text(signed_in.get(CREATE))


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_name_that_does_not_fit_is_said_beside_the_field(signed_in: Client, name: str) -> None:
    response = signed_in.post(CREATE, {"name": name})
    assert response.status_code == 400
    assert "id_name_error" in text(response)
    assert not ApiKey.objects.exists()


def test_at_the_cap_it_says_what_to_do(signed_in: Client, alice: User) -> None:
    for number in range(5):
        create_api_key(alice, str(number))
    page = text(signed_in.get(LIST))
    assert "Create API Key" not in page
    assert "Revoke one" in page
    refused = signed_in.post(CREATE, {"name": "sixth"})
    assert refused.status_code == 400
    assert "Maximum 5 active API keys allowed." in text(refused)
    assert not KEY.search(text(refused))


def test_at_the_cap_on_all_keys_the_form_says_so(
    signed_in: Client, alice: User, alices_key: CreatedKey
) -> None:
    alice.plan = Plan.objects.create(name="Small", max_api_keys=1)
    alice.save()
    rotate = f"{LIST}{alices_key.api_key.id}/rotate/"
    for url, form in ((CREATE, {"name": "second"}), (rotate, {"grace": "0"})):
        refused = signed_in.post(url, form)
        assert refused.status_code == 400
        assert "Maximum 1 API keys allowed, revoked and expired ones included." in text(refused)
    assert ApiKey.objects.get().is_active


def test_revoking_asks_first_and_then_ends_the_key(
    signed_in: Client, alices_key: CreatedKey
) -> None:
    asked = signed_in.get(revoke_url(alices_key))
    assert "cannot be undone" in text(asked)
    api = ApiClient(alices_key.token.plaintext)
    assert api.get("/chatbots").status_code == 200
    done = signed_in.post(revoke_url(alices_key), follow=True)
    assert "is revoked" in text(done)
    assert api.get("/chatbots").status_code == 401


def test_a_stranger_finds_nothing(strangers_browser: Client, alices_key: CreatedKey) -> None:
    assert "Production" not in text(strangers_browser.get(LIST))
    assert strangers_browser.get(revoke_url(alices_key)).status_code == 404
    assert strangers_browser.post(revoke_url(alices_key)).status_code == 404
    assert ApiKey.objects.get().is_active


@pytest.mark.parametrize("path", [LIST, CREATE])
def test_nobody_signed_in_is_sent_to_sign_in(db: None, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/sign-in/?next={path}"


def test_forms_need_a_csrf_token(browser: Client, alices_key: CreatedKey) -> None:
    assert browser.post(CREATE, {"name": "x"}).status_code == 403
    assert browser.post(revoke_url(alices_key)).status_code == 403
    assert ApiKey.objects.get().is_active


def test_signing_in_and_out(alice: User) -> None:
    alice.set_password("correct horse battery")
    alice.save()
    client = Client()
    wrong = client.post("/sign-in/", {"login": alice.email, "password": "wrong"})
    assert wrong.status_code == 200
    assert "The e-mail address or the password is wrong." in text(wrong)
    right = client.post(
        "/sign-in/", {"login": "ALICE@example.org", "password": "correct horse battery"}
    )
    assert right.status_code == 302
    assert client.get(LIST).status_code == 200
    client.post("/sign-out/")
    assert client.get(LIST).status_code == 302


def test_pages_forbid_inline_script(signed_in: Client) -> None:
    policy = signed_in.get(LIST).headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
