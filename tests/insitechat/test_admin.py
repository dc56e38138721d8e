"""What staff do in Django's admin."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import Plan, User
from apikeys.models import ApiKey
from apikeys.services import CreatedKey
from chatbots.models import Chatbot
from tests.conftest import ApiClient


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.org"))
    return client


@pytest.mark.parametrize(
    "path",
    [
        *("accounts/user/", "accounts/user/add/", "accounts/plan/", "accounts/plan/add/"),
        *("apikeys/apikey/", "chatbots/chatbot/"),
    ],
)
def test_pages_open(staff: Client, alices_key: CreatedKey, chatbot: Chatbot, path: str) -> None:
    assert staff.get(f"/admin/{path}").status_code == 200


def test_each_thing_opens(staff: Client, alices_key: CreatedKey, chatbot: Chatbot) -> None:
    owner = alices_key.api_key.owner
    for path in (
        f"accounts/user/{owner.id}",
        f"accounts/plan/{owner.plan_id}",
        f"apikeys/apikey/{alices_key.api_key.id}",
        f"chatbots/chatbot/{chatbot.id}",
    ):
        assert staff.get(f"/admin/{path}/change/").status_code == 200


def test_a_key_is_found_by_prefix_and_by_owner_and_its_digest_is_not_shown(
    staff: Client, alices_key: CreatedKey
) -> None:
    for query in (alices_key.token.prefix, "alice@example"):
        page = staff.get("/admin/apikeys/apikey/", {"q": query}).content.decode()
        assert alices_key.token.prefix in page
        assert alices_key.token.digest.hex() not in page
    nothing = staff.get("/admin/apikeys/apikey/", {"q": "ic_00000"}).content.decode()
    assert alices_key.token.prefix not in nothing


def test_revoking_ends_a_key_and_is_logged(staff: Client, alices_key: CreatedKey) -> None:
    api = ApiClient(alices_key.token.plaintext)
    assert api.get("/chatbots").status_code == 200
    staff.post(
        "/admin/apikeys/apikey/",
        {"action": "revoke", "_selected_action": str(alices_key.api_key.id)},
    )
    assert api.get("/chatbots").status_code == 401
    assert LogEntry.objects.get().object_id == str(alices_key.api_key.id)


@pytest.mark.parametrize("path", ["add/", "{}/delete/"])
def test_keys_are_neither_added_nor_deleted(
    staff: Client, alices_key: CreatedKey, path: str
) -> None:
    url = f"/admin/apikeys/apikey/{path.format(alices_key.api_key.id)}"
    assert staff.get(url).status_code == 403
    assert staff.post(url, {"post": "yes"}).status_code == 403
    assert ApiKey.objects.count() == 1


def test_raising_a_plans_limit_holds_from_the_next_request(
    staff: Client, api: ApiClient, alice: User
) -> None:
    assert api.get("/chatbots").headers["RateLimit-Policy"] == '"default";q=60;w=60'
    plan = alice.plan
    saved = staff.post(
        f"/admin/accounts/plan/{plan.id}/change/",
        {
            "name": plan.name,
            "monthly_messages": 5000,
            "requests_per_minute": 300,
            "max_active_api_keys": 20,
            "is_default": "on",
        },
    )
    assert saved.status_code == 302
    assert api.get("/chatbots").headers["RateLimit-Policy"] == '"default";q=300;w=60'


def test_a_new_account_starts_from_the_admin(staff: Client) -> None:
    saved = staff.post(
        "/admin/accounts/user/add/",
        {
            "email": "New@Example.org",
            "plan": Plan.objects.default().id,
            "usable_password": "true",
            "password1": "correct horse battery",
            "password2": "correct horse battery",
        },
    )
    assert saved.status_code == 302
    assert User.objects.get_by_natural_key("new@example.org").check_password(
        "correct horse battery"
    )


def test_account_owners_do_not_get_in(browser: Client) -> None:
    assert browser.get("/admin/").status_code == 302


def test_chatbots_are_neither_added_nor_deleted(staff: Client, chatbot: Chatbot) -> None:
    assert staff.get("/admin/chatbots/chatbot/add/").status_code == 403
    assert staff.get(f"/admin/chatbots/chatbot/{chatbot.id}/delete/").status_code == 403


def test_an_account_is_deleted_with_all_that_it_owns(
    staff: Client, alices_key: CreatedKey, chatbot: Chatbot
) -> None:
    url = f"/admin/accounts/user/{chatbot.owner_id}/delete/"
    assert staff.get(url).status_code == 200
    assert staff.post(url, {"post": "yes"}).status_code == 302
    assert not ApiKey.objects.exists()
    assert not Chatbot.objects.exists()
    assert ApiClient(alices_key.token.plaintext).get("/chatbots").status_code == 401


def test_another_plan_becomes_the_default(staff: Client) -> None:
    large = Plan.objects.create(name="Large")
    old = Plan.objects.default()
    staff.post("/admin/accounts/plan/", {"action": "make_default", "_selected_action": large.id})
    assert Plan.objects.default() == large
    old.refresh_from_db()
    assert not old.is_default
    assert User.objects.create_user("new@example.org").plan == large
