"""What staff can do in Django's admin."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.forms import model_to_dict
from django.test import Client

from accounts.models import Plan, User
from apikeys.models import ApiKey
from apikeys.security_events import API_KEY_REVOKED
from apikeys.services import CreatedKey
from chatbots.models import Chatbot
from core.mail import send
from securitylog.kinds import Kind
from securitylog.models import SecurityEvent
from securitylog.origin import Actor
from securitylog.security_events import (
    ACCOUNT_DISABLED,
    EMAIL_CHANGED,
    PASSWORD_CHANGED,
    PASSWORD_REMOVED,
    STAFF_ACCESS_CHANGED,
)
from tests.conftest import ApiClient
from tests.jobs import run_due_jobs


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.org"))
    return client


@pytest.mark.parametrize(
    "path",
    [
        *("accounts/user/", "accounts/user/add/", "accounts/plan/", "accounts/plan/add/"),
        *("securitylog/securityevent/", "apikeys/apikey/", "chatbots/chatbot/"),
    ],
)
def test_lists_and_add_forms_open(
    staff: Client, alices_key: CreatedKey, chatbot: Chatbot, path: str
) -> None:
    assert staff.get(f"/admin/{path}").status_code == 200


def test_jobs_are_listed_without_their_arguments_and_cannot_be_changed(staff: Client) -> None:
    job_id = send.enqueue(mail_id=987654)
    page = staff.get("/admin/procrastinate/procrastinatejob/").content.decode()
    assert "core.mail.send" in page
    assert "987654" not in page
    assert '<select name="action"' not in page
    for path in (f"{job_id}/change/", f"{job_id}/history/", f"{job_id}/delete/", "add/"):
        assert staff.get(f"/admin/procrastinate/procrastinatejob/{path}").status_code == 403


def test_change_pages_open(staff: Client, alices_key: CreatedKey, chatbot: Chatbot) -> None:
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
    unmatched = staff.get("/admin/apikeys/apikey/", {"q": "ic_00000"}).content.decode()
    assert alices_key.token.prefix not in unmatched


def test_revoked_key_stops_working_and_is_logged(staff: Client, alices_key: CreatedKey) -> None:
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


def test_raised_limit_applies_from_the_next_request(
    staff: Client, api: ApiClient, alice: User
) -> None:
    assert api.get("/chatbots").headers["RateLimit-Policy"] == '"default";q=60;w=60'
    plan = alice.plan
    saved = staff.post(
        f"/admin/accounts/plan/{plan.id}/change/",
        {**model_to_dict(plan, exclude=["id"]), "requests_per_minute": 300},
    )
    assert saved.status_code == 302
    assert api.get("/chatbots").headers["RateLimit-Policy"] == '"default";q=300;w=60'


def test_staff_create_an_account_with_a_password(staff: Client) -> None:
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


def test_account_owners_are_kept_out(browser: Client) -> None:
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
    assert ApiClient(alices_key.token.plaintext).get("/chatbots").status_code == 401
    run_due_jobs()
    assert not ApiKey.objects.exists()
    assert not Chatbot.objects.exists()


def test_another_plan_becomes_the_default(staff: Client) -> None:
    large = Plan.objects.create(name="Large")
    old = Plan.objects.default()
    staff.post("/admin/accounts/plan/", {"action": "make_default", "_selected_action": large.id})
    assert Plan.objects.default() == large
    old.refresh_from_db()
    assert not old.is_default
    assert User.objects.create_user("new@example.org").plan == large


ACCOUNTS = "/admin/accounts/user/"
KEYS = "/admin/apikeys/apikey/"
EVENTS = "/admin/securitylog/securityevent/"


@pytest.fixture
def staff_with(db: None) -> Callable[..., Client]:
    """Return a function that signs in a member of staff with only the given permissions."""

    def sign_in(*permissions: str) -> Client:
        user = User.objects.create_user("helper@example.org", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        assert user.user_permissions.count() == len(permissions)
        client = Client()
        client.force_login(user)
        return client

    return sign_in


def page(client: Client, path: str, **query: str) -> str:
    response = client.get(path, query)
    assert response.status_code == 200
    return str(response.content.decode())


def change(client: Client, user: User, **fields: Any) -> int:
    """Post an account's change form with the given fields changed; return the status."""
    form: dict[str, Any] = {"email": user.email, "plan": user.plan_id}
    form |= {"is_active": "on"} if user.is_active else {}
    form |= {"is_staff": "on"} if user.is_staff else {}
    form |= {f"api_keys-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")}
    form |= fields
    url = f"{ACCOUNTS}{user.pk}/change/"
    return client.post(url, {name: value for name, value in form.items() if value}).status_code


def latest(user: User) -> SecurityEvent:
    return user.security_events.latest("id")


@pytest.mark.parametrize("query", ["alice@exam", "{prefix}"])
def test_an_account_is_found_by_address_and_by_a_keys_prefix(
    staff: Client, alices_key: CreatedKey, stranger: User, query: str
) -> None:
    found = page(staff, ACCOUNTS, q=query.format(prefix=alices_key.token.prefix))
    assert "alice@example.org" in found
    assert stranger.email not in found


def test_an_account_shows_its_keys_without_digests(staff: Client, alices_key: CreatedKey) -> None:
    account = page(staff, f"{ACCOUNTS}{alices_key.api_key.owner_id}/change/")
    assert alices_key.token.prefix in account
    assert f"{KEYS}{alices_key.api_key.id}/revoke/" in account
    assert alices_key.token.digest.hex() not in account
    assert repr(alices_key.token.digest) not in account
    assert EVENTS in account


def test_a_key_is_revoked_from_its_account(staff: Client, alices_key: CreatedKey) -> None:
    owner = alices_key.api_key.owner
    url = f"{KEYS}{alices_key.api_key.id}/revoke/"
    assert "cannot be undone" in page(staff, url)
    assert ApiKey.objects.get().is_active
    response = staff.post(url)
    assert response.headers["Location"] == f"{ACCOUNTS}{owner.id}/change/"
    assert not ApiKey.objects.get().is_active
    assert LogEntry.objects.get().object_id == str(alices_key.api_key.id)
    event = latest(owner)
    assert (event.kind, event.actor) == (API_KEY_REVOKED, Actor.STAFF)
    assert event.staff_email == "staff@example.org"
    assert "is revoked since" in page(staff, url)


def test_revoking_needs_a_csrf_token(db: None, alices_key: CreatedKey) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("staff@example.org"))
    assert client.post(f"{KEYS}{alices_key.api_key.id}/revoke/").status_code == 403
    assert ApiKey.objects.get().is_active


def test_change_of_plan_is_in_the_security_log_and_the_admins_log(
    staff: Client, alice: User
) -> None:
    pro = Plan.objects.create(name="Pro", requests_per_minute=300)
    assert change(staff, alice, plan=pro.pk) == 302
    alice.refresh_from_db()
    assert alice.plan == pro
    event = latest(alice)
    assert event.sentence == "Plan changed from Free to Pro"
    assert (event.actor, event.staff_email) == (Actor.STAFF, "staff@example.org")
    assert LogEntry.objects.get().object_id == str(alice.pk)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"email": "new@example.org"}, EMAIL_CHANGED),
        ({"is_active": ""}, ACCOUNT_DISABLED),
        ({"is_staff": "on"}, STAFF_ACCESS_CHANGED),
    ],
)
def test_each_change_of_an_account_is_logged(
    staff: Client, alice: User, fields: dict[str, str], kind: Kind
) -> None:
    assert change(staff, alice, **fields) == 302
    assert [event.kind for event in alice.security_events.all()] == [kind]


def test_saving_without_a_change_is_not_logged(staff: Client, alice: User) -> None:
    assert change(staff, alice) == 302
    assert not alice.security_events.exists()


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (
            {
                "usable_password": "true",
                "password1": "correct horse battery",
                "password2": "correct horse battery",
            },
            PASSWORD_CHANGED,
        ),
        ({"usable_password": "false", "unset-password": "on"}, PASSWORD_REMOVED),
    ],
)
def test_a_password_that_staff_set_or_remove_is_logged(
    staff: Client, make_user: Callable[..., User], fields: dict[str, str], kind: Kind
) -> None:
    user = make_user("new@example.org", "an older password")
    assert staff.post(f"{ACCOUNTS}{user.pk}/password/", fields).status_code == 302
    (event,) = user.security_events.all()
    assert (event.kind, event.actor) == (kind, Actor.STAFF)


def test_changed_limits_are_logged_for_each_account_on_the_plan(
    staff: Client, alice: User, stranger: User
) -> None:
    other = Plan.objects.create(name="Other")
    User.objects.filter(pk=stranger.pk).update(plan=other)
    url = f"/admin/accounts/plan/{alice.plan_id}/change/"
    assert "2 on this plan" in page(staff, url)
    changed = {"monthly_messages": 10, "max_active_api_keys": 6, "max_api_keys": 50}
    saved = staff.post(url, model_to_dict(alice.plan, exclude=["id"]) | changed)
    assert saved.status_code == 302
    assert latest(alice).sentence == (
        "Limits of the plan Free changed: "
        "messages per month from 1000 to 10, active API keys from 5 to 6, "
        "API keys ever created from 1000 to 50"
    )
    assert latest(alice).actor == Actor.STAFF
    assert not stranger.security_events.exists()
    assert LogEntry.objects.count() == 1


def test_staff_without_permissions_see_nothing(
    staff_with: Callable[..., Client], alices_key: CreatedKey
) -> None:
    client = staff_with()
    owner = alices_key.api_key.owner_id
    for path in (
        *(ACCOUNTS, f"{ACCOUNTS}{owner}/change/", f"{ACCOUNTS}{owner}/password/"),
        *(KEYS, f"{KEYS}{alices_key.api_key.id}/change/"),
        f"{KEYS}{alices_key.api_key.id}/revoke/",
        *(EVENTS, "/admin/accounts/plan/"),
    ):
        assert client.get(path).status_code == 403, path
        assert client.post(path).status_code == 403, path
    assert ApiKey.objects.get().is_active


def test_permission_to_view_accounts_shows_neither_keys_nor_events(
    staff_with: Callable[..., Client], alices_key: CreatedKey
) -> None:
    client = staff_with("view_user")
    account = page(client, f"{ACCOUNTS}{alices_key.api_key.owner_id}/change/")
    assert "alice@example.org" in account
    assert alices_key.token.prefix not in account
    assert EVENTS not in account


def test_permission_to_view_keys_does_not_allow_revoking(
    staff_with: Callable[..., Client], alices_key: CreatedKey
) -> None:
    client = staff_with("view_user", "view_apikey")
    account = page(client, f"{ACCOUNTS}{alices_key.api_key.owner_id}/change/")
    assert alices_key.token.prefix in account
    assert "/revoke/" not in account
    assert client.post(f"{KEYS}{alices_key.api_key.id}/revoke/").status_code == 403
    assert ApiKey.objects.get().is_active


def test_permission_to_change_keys_suffices_for_revoking(
    staff_with: Callable[..., Client], alices_key: CreatedKey
) -> None:
    response = staff_with("change_apikey").post(f"{KEYS}{alices_key.api_key.id}/revoke/")
    assert response.headers["Location"] == KEYS
    assert latest(alices_key.api_key.owner).staff_email == "helper@example.org"


def test_only_superusers_appoint_and_change_staff(
    staff_with: Callable[..., Client], alice: User
) -> None:
    client = staff_with("view_user", "change_user")
    helper = User.objects.get(email="helper@example.org")
    assert change(client, alice, is_staff="on", is_superuser="on") == 302
    alice.refresh_from_db()
    assert not alice.is_staff
    assert not alice.is_superuser
    assert change(client, helper, is_superuser="on") == 403
    superuser = User.objects.create_superuser("superuser@example.org")
    assert change(client, superuser, email="captured@example.org") == 403
    assert client.get(f"{ACCOUNTS}{superuser.pk}/password/").status_code == 403


def test_staff_accounts_are_not_deleted_but_others_are(staff: Client, alice: User) -> None:
    helper = User.objects.create_user("helper@example.org", is_staff=True)
    assert staff.post(f"{ACCOUNTS}{helper.pk}/delete/", {"post": "yes"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": str(helper.pk), "post": "yes"}
    staff.post(ACCOUNTS, bulk)
    assert staff.post(f"{ACCOUNTS}{alice.pk}/delete/", {"post": "yes"}).status_code == 302
    run_due_jobs()
    assert User.objects.filter(pk=helper.pk).exists()
    assert not User.objects.filter(pk=alice.pk).exists()


def test_events_are_read_only(staff: Client, alices_key: CreatedKey, stranger: User) -> None:
    event = latest(alices_key.api_key.owner)
    assert alices_key.token.prefix in page(staff, EVENTS, q="alice@example.org")
    assert alices_key.token.prefix in page(staff, EVENTS, q=alices_key.token.prefix)
    of_stranger = page(staff, EVENTS, account__id__exact=str(stranger.pk))
    assert alices_key.token.prefix not in of_stranger
    assert "was created" in page(staff, f"{EVENTS}{event.pk}/change/")
    for path in ("add/", f"{event.pk}/delete/"):
        assert staff.get(EVENTS + path).status_code == 403
        assert staff.post(EVENTS + path, {"post": "yes"}).status_code == 403
    assert staff.post(f"{EVENTS}{event.pk}/change/", {"kind": "signed_in"}).status_code == 403
    staff.post(
        EVENTS,
        {"action": "delete_selected", "_selected_action": str(event.pk), "post": "yes"},
    )
    assert latest(alices_key.api_key.owner) == event


def test_permission_to_view_events_suffices_for_reading_them(
    staff_with: Callable[..., Client], alices_key: CreatedKey
) -> None:
    client = staff_with("view_securityevent")
    assert alices_key.token.prefix in page(client, EVENTS)
    assert client.get(ACCOUNTS).status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        *("apikeys/apikey/?digest__gt=x", "apikeys/apikey/?digest__startswith=x"),
        *("apikeys/apikey/?name__regex=(", "apikeys/apikey/?owner__password__startswith=pbkdf2"),
        *("accounts/user/?password__startswith=pbkdf2", "accounts/user/?is_active__regex=("),
        "chatbots/chatbot/?system_prompt__contains=secret",
    ],
)
def test_an_address_filters_only_as_the_lists_own_filters_do(
    staff: Client, alices_key: CreatedKey, query: str
) -> None:
    staff.raise_request_exception = False
    assert staff.get(f"/admin/{query}").status_code == 400


def test_the_lists_own_filters_work(staff: Client, alices_key: CreatedKey, alice: User) -> None:
    page = staff.get("/admin/accounts/user/").content.decode()
    offered = re.findall(r'href="\?([a-z_]+__(?:id__)?exact=[^"&]+)"', page)
    assert offered
    for query in (*offered, "is_active__exact=1"):
        assert staff.get(f"/admin/accounts/user/?{query}").status_code == 200
