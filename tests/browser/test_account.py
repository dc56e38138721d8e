"""The life of an account in a real browser, from sign-up to deletion."""

import json
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from accounts.models import User
from apikeys.services import create_api_key
from securitylog.security_events import SIGNED_OUT_ELSEWHERE
from tests.browser.conftest import PASSWORD, MailingService, Visit, Visitor
from tests.conftest import ApiClient

EMAIL = "new@example.org"
NEW_PASSWORD = "another horse, another battery"
KEYS = "/dashboard/developer/api-keys/"
OVERVIEW = "/dashboard/"
# Run one after another: all services share a cache, which limits mails to an address.
pytestmark = pytest.mark.xdist_group("mails")


def code_for(secret: str, *, steps_ahead: int = 0) -> str:
    """Return the app's code of this step of the clock, or of the next, which is accepted already.

    Either stays valid for another step at least, 30 seconds.
    """
    _, now, following = yield_hotp_counters_from_time()
    return str(format_hotp_value(hotp_value(secret, (now, following)[steps_ahead])))


def click(page: Page, name: str) -> None:
    page.locator("main").get_by_role("button", name=name, exact=True).click()


def sign_out(page: Page) -> None:
    page.locator("header").get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def sign_up(visitor: Visitor, mailing: MailingService) -> None:
    """Sign up, follow the link in the mail and sign in."""
    page = visitor.page
    visitor.go("/sign-in/")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill("password")
    click(page, "Sign up")
    expect(page.get_by_text("too common")).to_be_visible()
    expect(page.locator("[name=password1]")).to_be_focused()
    page.get_by_label("Password").fill(PASSWORD)
    click(page, "Sign up")
    expect(page.get_by_text("Check your e-mail")).to_be_visible()
    page.goto(mailing.link(EMAIL, "confirm"))
    click(page, "Yes, confirm it")
    expect(page.get_by_text(f"Your address {EMAIL} is confirmed.")).to_be_visible()
    visitor.sign_in(EMAIL)
    page.wait_for_url(f"**{OVERVIEW}")


def turn_app_on(visitor: Visitor) -> tuple[str, list[str]]:
    """Set up an authenticator app; return its secret and the recovery codes."""
    page = visitor.page
    visitor.go("/account/")
    page.get_by_role("link", name="Manage two-factor sign-in").click()
    page.get_by_role("link", name="Set up an app").click()
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Code that the app shows").fill(code_for(secret))
    click(page, "Turn it on")
    recovery = page.get_by_label("Codes").input_value().split()
    assert len(recovery) == 10
    visitor.check_page()
    page.get_by_role("link", name="I have stored them").click()
    visitor.check_page()
    return secret, recovery


def download_own_data(page: Page) -> Any:
    page.get_by_role("link", name="Download your data").click()
    click(page, "Make the file")
    # The page follows by itself what the worker does.
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the file").click()
    return json.loads(Path(download.value.path()).read_text())


def test_account_lives_from_sign_up_to_deletion(
    visit_mailing: Visit, mailing: MailingService
) -> None:
    visitor = visit_mailing()
    page = visitor.page
    sign_up(visitor, mailing)

    visitor.go("/account/")
    page.get_by_role("link", name="Change password").click()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password, again").fill(NEW_PASSWORD)
    click(page, "Change password")
    expect(page.get_by_text("Your password has been changed.")).to_be_visible()

    secret, recovery = turn_app_on(visitor)
    for uses_app in (True, False):
        sign_out(page)
        visitor.sign_in(EMAIL, NEW_PASSWORD)
        page.get_by_label("Code from your app").fill("000")
        click(page, "Sign in")
        expect(page.get_by_text("The code is wrong")).to_be_visible()
        visitor.check_page()
        # The app's code of this step may have been used above already.
        code = code_for(secret, steps_ahead=1) if uses_app else recovery[0]
        page.get_by_label("Code from your app").fill(code)
        click(page, "Sign in")
        page.wait_for_url(f"**{OVERVIEW}")

    elsewhere = visit_mailing(phone=True)
    elsewhere.sign_in(EMAIL, NEW_PASSWORD)
    elsewhere.page.get_by_label("Code from your app").fill(recovery[1])
    click(elsewhere.page, "Sign in")
    elsewhere.page.wait_for_url(f"**{OVERVIEW}")
    visitor.go("/account/sessions/")
    visitor.check_page()
    click(page, "Sign out elsewhere")
    expect(page.get_by_text("You have been signed out everywhere else.")).to_be_visible()
    elsewhere.go(KEYS)
    expect(elsewhere.page.get_by_role("heading", name="Sign in")).to_be_visible()

    user = User.objects.get()
    created = create_api_key(user, "Production")
    visitor.go("/account/")
    data = download_own_data(page)
    assert data["profile"]["email"] == EMAIL
    assert data["api_keys"][0]["prefix"] == created.token.prefix
    log = [event["what"] for event in data["security_log"]]
    assert "Two-factor sign-in added: TOTP Authenticator" in log
    assert SIGNED_OUT_ELSEWHERE.label in log

    page.get_by_role("link", name="Back to the account").click()
    page.get_by_role("link", name="See what will be deleted").click()
    click(page, "Delete my account")
    expect(page.get_by_text("is being deleted")).to_be_visible()
    assert ApiClient(created.token.plaintext).get("/chatbots").status_code == 401
    assert not User.objects.exists()


def test_account_works_without_javascript(visit_mailing: Visit, mailing: MailingService) -> None:
    visitor = visit_mailing(javascript=False)
    page = visitor.page
    visitor.go("/sign-up/")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    click(page, "Sign up")
    page.goto(mailing.link(EMAIL, "confirm"))
    click(page, "Yes, confirm it")
    visitor.sign_in(EMAIL)
    page.wait_for_url(f"**{OVERVIEW}")
    sign_out(page)
    reset_password(visitor, mailing)
    _, recovery = turn_app_on_without_javascript(visitor)
    sign_out(page)
    visitor.sign_in(EMAIL, NEW_PASSWORD)
    page.get_by_label("Code from your app").fill(recovery[0])
    expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()
    click(page, "Sign in")
    page.wait_for_url(f"**{OVERVIEW}")


def turn_app_on_without_javascript(visitor: Visitor) -> tuple[str, list[str]]:
    page = visitor.page
    visitor.go("/account/two-factor/totp/activate/")
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Code that the app shows").fill(code_for(secret))
    click(page, "Turn it on")
    return secret, page.get_by_label("Codes").input_value().split()


def reset_password(visitor: Visitor, mailing: MailingService) -> None:
    page = visitor.page
    visitor.go("/sign-in/")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("E-mail address").fill(EMAIL)
    click(page, "Send the link")
    expect(page.get_by_text("Check your e-mail")).to_be_visible()
    page.goto(mailing.link(EMAIL, "new password"))
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password, again").fill(NEW_PASSWORD)
    click(page, "Set the password")
    expect(page.get_by_text("Your new password is set")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    visitor.sign_in(EMAIL, NEW_PASSWORD)
    page.wait_for_url(f"**{OVERVIEW}")


def test_new_address_replaces_the_old_one(visit_mailing: Visit, mailing: MailingService) -> None:
    owner = User.objects.create_user("owner@example.org", PASSWORD)
    visitor = visit_mailing()
    page = visitor.page
    visitor.sign_in(owner)
    page.wait_for_url(f"**{OVERVIEW}")
    visitor.go("/account/")
    page.get_by_role("link", name="Change e-mail address").click()
    page.get_by_label("New e-mail address").fill(EMAIL)
    click(page, "Send the link")
    expect(page.get_by_text("Waiting for you to confirm")).to_be_visible()
    visitor.check_page()
    page.goto(mailing.link(EMAIL, "confirm"))
    click(page, "Yes, confirm it")
    visitor.go("/account/")
    expect(page.locator("dd", has_text=EMAIL)).to_be_visible()


@pytest.fixture
def authenticator() -> dict[str, Any]:
    return {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }


def test_passkey_signs_in_alone(visit: Visit, owner: User, authenticator: dict[str, Any]) -> None:
    visitor = visit()
    visitor.url = visitor.url.replace("127.0.0.1", "localhost")
    page = visitor.page
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    visitor.sign_in(owner)
    page.wait_for_url(f"**{OVERVIEW}")
    visitor.go("/account/two-factor/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("My laptop")
    click(page, "Add passkey")
    page.get_by_role("heading", name="Recovery codes").wait_for()
    visitor.go("/account/two-factor/webauthn/")
    expect(page.get_by_role("row", name="My laptop").get_by_text("alone")).to_be_visible()
    visitor.check_page()

    sign_out(page)
    click(page, "Sign in with a passkey")
    page.wait_for_url(f"**{OVERVIEW}")

    sign_out(page)
    visitor.sign_in(owner)
    page.get_by_role("heading", name="Second step").wait_for()
    click(page, "Use a passkey")
    page.wait_for_url(f"**{OVERVIEW}")

    visitor.go("/account/two-factor/webauthn/")
    page.get_by_role("link", name="Remove My laptop").click()
    visitor.check_page()
    click(page, "Remove")
    expect(page.get_by_text("The passkey has been removed.")).to_be_visible()
    sign_out(page)
    visitor.sign_in(owner)
    page.wait_for_url(f"**{OVERVIEW}")


def test_page_explains_where_passkeys_cannot_work(visit: Visit, owner: User) -> None:
    visitor = visit()
    visitor.sign_in(owner)
    visitor.page.wait_for_url(f"**{OVERVIEW}")
    visitor.go("/account/two-factor/webauthn/add/")
    click(visitor.page, "Add passkey")
    expect(visitor.page.get_by_text("Passkeys do not work at this address")).to_be_visible()


def test_a_page_that_renews_itself_asks_to_sign_in_once_the_session_is_over(
    visit: Visit, owner: User
) -> None:
    visitor = visit()
    page = visitor.page
    visitor.sign_in(owner)
    page.wait_for_url(f"**{OVERVIEW}")
    visitor.go("/account/export/")
    click(page, "Make the file")
    page.get_by_text("The file is being made").wait_for()
    Session.objects.all().delete()
    page.get_by_role("link", name="Sign in again").click()
    page.wait_for_url("**/sign-in/?next=/account/export/")


def test_stale_session_confirms_before_it_creates_a_key(visit: Visit, owner: User) -> None:
    from accounts.sessions import SessionStore

    visitor = visit()
    page = visitor.page
    visitor.sign_in(owner)
    page.wait_for_url(f"**{OVERVIEW}")
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "sessionid")
    session = SessionStore(cookie["value"])
    for record in session["account_authentication_methods"]:
        record["at"] = 0
    session.save()
    page.get_by_role("link", name="Create API Key").click()
    expect(page.get_by_text("Confirm that it is you")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    click(page, "Confirm")
    page.get_by_label("Name").fill("Production")
    click(page, "Generate")
    expect(page.get_by_text("Store your new key").first).to_be_visible()
