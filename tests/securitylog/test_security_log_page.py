"""Dashboard → Security log."""

from typing import Any

import pytest
from django.forms import model_to_dict
from django.test import Client

from accounts.models import User
from apikeys.security_events import API_KEY_CREATED
from apikeys.services import CreatedKey
from securitylog.origin import Actor
from securitylog.recording import record
from securitylog.security_events import PASSWORD_CHANGED, SIGNED_OUT

PAGE = "/dashboard/security-log/"


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


def test_events_are_listed_newest_first(browser: Client, alices_key: CreatedKey) -> None:
    page = text(browser.get(PAGE))
    key = f"API key “Production” ({alices_key.token.prefix}…) was created"
    assert page.index(key) < page.index("Signed in")
    assert alices_key.token.plaintext not in page


def test_staff_appear_without_name_and_address(browser: Client, alice: User) -> None:
    staff = User.objects.create_superuser("staff@example.org")
    admin = Client(REMOTE_ADDR="192.0.2.99")
    admin.force_login(staff)
    admin.post(
        f"/admin/accounts/plan/{alice.plan_id}/change/",
        {**model_to_dict(alice.plan, exclude=["id"]), "requests_per_minute": 300},
    )
    page = text(browser.get(PAGE))
    assert "Limits of the plan Free changed: requests per minute from 60 to 300" in page
    assert "InsiteChat staff" in page
    assert "staff@example.org" not in page
    assert "192.0.2.99" not in page


def test_stranger_sees_only_their_own_events(
    strangers_browser: Client, alices_key: CreatedKey, alice: User
) -> None:
    record(alice.pk, PASSWORD_CHANGED, actor=Actor.OWNER)
    for query in ("", "?about=api-keys", "?about=account", f"?account={alice.pk}"):
        page = text(strangers_browser.get(PAGE + query))
        assert "Production" not in page
        assert "Password changed" not in page


def test_anonymous_visitor_is_sent_to_sign_in(db: None) -> None:
    response = Client().get(PAGE)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/sign-in/?next={PAGE}"


def test_page_is_read_only(browser: Client) -> None:
    browser.get(PAGE)
    token = {"X-CSRFToken": "a" * 32}
    browser.cookies["csrftoken"] = "a" * 32
    assert browser.post(PAGE, headers=token).status_code == 405


def test_events_can_be_filtered_by_topic(browser: Client, alices_key: CreatedKey) -> None:
    keys = text(browser.get(PAGE, {"about": "api-keys"}))
    assert "was created" in keys
    assert "Signed in" not in keys
    sign_ins = text(browser.get(PAGE, {"about": "sign-ins"}))
    assert "was created" not in sign_ins
    assert "Signed in" in sign_ins
    assert "Nothing of this kind" in text(browser.get(PAGE, {"about": "limits"}))
    assert "was created" in text(browser.get(PAGE, {"about": "nonsense"}))


def test_links_to_further_pages_keep_the_topic(browser: Client, alice: User) -> None:
    for number in range(30):
        details = {"name": f"number {number}", "prefix": "ic_abcde"}
        record(alice.pk, API_KEY_CREATED, details)
    first = text(browser.get(PAGE, {"about": "api-keys"}))
    assert "number 29" in first
    assert "number 4”" not in first
    assert 'href="?about=api-keys&amp;page=2"' in first
    second = text(browser.get(PAGE, {"about": "api-keys", "page": "2"}))
    assert "number 4”" in second
    assert "number 29" not in second


def test_page_names_the_time_zone_of_its_times(browser: Client) -> None:
    assert "in the time zone UTC." in text(browser.get(PAGE))
    browser.cookies["zone"] = "Asia/Kolkata"
    assert "in the time zone Asia/Kolkata." in text(browser.get(PAGE))


@pytest.mark.parametrize("page", ["0", "999", "x"])
def test_page_out_of_range_shows_the_nearest(browser: Client, page: str) -> None:
    assert "Signed in" in text(browser.get(PAGE, {"page": page}))


def test_names_are_escaped(browser: Client, alice: User) -> None:
    record(alice.pk, API_KEY_CREATED, {"name": "<b>x</b>", "prefix": "ic_abcde"})
    assert "&lt;b&gt;x&lt;/b&gt;" in text(browser.get(PAGE))


def test_number_of_queries_does_not_grow_with_the_events(
    browser: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(25):
        record(alice.pk, SIGNED_OUT)
    with django_assert_max_num_queries(4):
        browser.get(PAGE)
