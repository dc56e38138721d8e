"""Dashboard → Security log."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.security_log import Actor, Kind, record
from apikeys.services import CreatedKey

PAGE = "/dashboard/security-log/"


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


def test_it_says_what_happened_newest_first(browser: Client, alices_key: CreatedKey) -> None:
    page = text(browser.get(PAGE))
    key = f"API key “Production” ({alices_key.token.prefix}…) was created"
    assert page.index(key) < page.index("Signed in")
    assert alices_key.token.plaintext not in page


def test_what_staff_did_is_staffs_and_tells_no_more(browser: Client, alice: User) -> None:
    staff = User.objects.create_superuser("boss@example.org")
    admin = Client(REMOTE_ADDR="192.0.2.99")
    admin.force_login(staff)
    admin.post(
        f"/admin/accounts/plan/{alice.plan_id}/change/",
        {
            "name": "Free",
            "monthly_messages": 1000,
            "requests_per_minute": 300,
            "max_active_api_keys": 5,
            "is_default": "on",
        },
    )
    page = text(browser.get(PAGE))
    assert "Limits of the plan Free changed: requests per minute from 60 to 300" in page
    assert "InsiteChat staff" in page
    assert "boss@example.org" not in page
    assert "192.0.2.99" not in page


def test_a_stranger_sees_only_their_own(
    strangers_browser: Client, alices_key: CreatedKey, alice: User
) -> None:
    record(alice.pk, Kind.PASSWORD_CHANGED, actor=Actor.OWNER)
    for query in ("", "?about=api-keys", "?about=account", f"?account={alice.pk}"):
        page = text(strangers_browser.get(PAGE + query))
        assert "Production" not in page
        assert "Password changed" not in page


def test_nobody_signed_in_is_sent_to_sign_in(db: None) -> None:
    response = Client().get(PAGE)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/sign-in/?next={PAGE}"


def test_it_is_only_read(browser: Client) -> None:
    browser.get(PAGE)
    token = {"X-CSRFToken": "a" * 32}
    browser.cookies["csrftoken"] = "a" * 32
    assert browser.post(PAGE, headers=token).status_code == 405


def test_one_topic_at_a_time(browser: Client, alices_key: CreatedKey) -> None:
    keys = text(browser.get(PAGE, {"about": "api-keys"}))
    assert "was created" in keys
    assert "Signed in" not in keys
    sign_ins = text(browser.get(PAGE, {"about": "sign-ins"}))
    assert "was created" not in sign_ins
    assert "Signed in" in sign_ins
    assert "Nothing of this kind" in text(browser.get(PAGE, {"about": "limits"}))
    assert "was created" in text(browser.get(PAGE, {"about": "nonsense"}))


def test_pages_keep_their_topic(browser: Client, alice: User) -> None:
    for number in range(30):
        details = {"name": f"number {number}", "prefix": "ic_abcde"}
        record(alice.pk, Kind.API_KEY_CREATED, details)
    first = text(browser.get(PAGE, {"about": "api-keys"}))
    assert "number 29" in first
    assert "number 4”" not in first
    assert 'href="?about=api-keys&amp;page=2"' in first
    second = text(browser.get(PAGE, {"about": "api-keys", "page": "2"}))
    assert "number 4”" in second
    assert "number 29" not in second


@pytest.mark.parametrize("page", ["0", "999", "x"])
def test_a_page_that_is_not_there_is_the_nearest(browser: Client, page: str) -> None:
    assert "Signed in" in text(browser.get(PAGE, {"page": page}))


def test_names_are_text(browser: Client, alice: User) -> None:
    record(alice.pk, Kind.API_KEY_CREATED, {"name": "<b>x</b>", "prefix": "ic_abcde"})
    assert "&lt;b&gt;x&lt;/b&gt;" in text(browser.get(PAGE))


def test_its_cost_does_not_grow(
    browser: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(25):
        record(alice.pk, Kind.SIGNED_OUT)
    with django_assert_max_num_queries(4):
        browser.get(PAGE)
