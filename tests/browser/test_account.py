"""An account's life in a real browser, from signing up to its end."""

import json
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.security_log import Kind
from apikeys.services import create_api_key
from tests.browser.conftest import PASSWORD, Post, Visit, Visitor
from tests.conftest import ApiClient

EMAIL = "new@example.org"
NEW_PASSWORD = "another horse, another battery"
KEYS = "/dashboard/developer/api-keys/"
# One after the other: all services share one cache, which knows who has asked for mails.
pytestmark = pytest.mark.xdist_group("mails")


def codes(secret: str) -> list[str]:
    """Return the codes that are good now: the last one, this one and the next."""
    return [
        str(format_hotp_value(hotp_value(secret, counter)))
        for counter in yield_hotp_counters_from_time()
    ]


def click(page: Page, name: str) -> None:
    page.locator("main").get_by_role("button", name=name, exact=True).click()


def sign_out(page: Page) -> None:
    page.locator("header").get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def sign_up(visitor: Visitor, post: Post) -> None:
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
    expect(page.get_by_text("Look into your mail")).to_be_visible()
    page.goto(post.link(EMAIL, "confirm"))
    click(page, "Yes, confirm it")
    expect(page.get_by_text(f"Your address {EMAIL} is confirmed.")).to_be_visible()
    visitor.sign_in(EMAIL)
    page.wait_for_url(f"**{KEYS}")


def turn_app_on(visitor: Visitor) -> tuple[str, list[str]]:
    """Set up an authenticator app; return its secret and the recovery codes."""
    page = visitor.page
    visitor.go("/account/")
    page.get_by_role("link", name="Manage two-factor sign-in").click()
    page.get_by_role("link", name="Set up an app").click()
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Code that the app shows").fill(codes(secret)[1])
    click(page, "Turn it on")
    recovery = page.get_by_label("Codes").input_value().split()
    assert len(recovery) == 10
    visitor.check_page()
    page.get_by_role("link", name="I have stored them").click()
    visitor.check_page()
    return secret, recovery


def test_from_signing_up_to_the_end(visit_mailing: Visit, post: Post) -> None:
    visitor = visit_mailing()
    page = visitor.page
    sign_up(visitor, post)

    visitor.go("/account/")
    page.get_by_role("link", name="Change password").click()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password, again").fill(NEW_PASSWORD)
    click(page, "Change it")
    expect(page.get_by_text("Your password is changed.")).to_be_visible()

    secret, recovery = turn_app_on(visitor)
    for code in (codes(secret)[1], recovery[0]):
        sign_out(page)
        visitor.sign_in(EMAIL, NEW_PASSWORD)
        page.get_by_label("Code from your app").fill("000")
        click(page, "Sign in")
        expect(page.get_by_text("The code is not right")).to_be_visible()
        visitor.check_page()
        page.get_by_label("Code from your app").fill(code)
        click(page, "Sign in")
        page.wait_for_url(f"**{KEYS}")

    elsewhere = visit_mailing(phone=True)
    elsewhere.sign_in(EMAIL, NEW_PASSWORD)
    elsewhere.page.get_by_label("Code from your app").fill(recovery[1])
    click(elsewhere.page, "Sign in")
    elsewhere.page.wait_for_url(f"**{KEYS}")
    visitor.go("/account/sessions/")
    visitor.check_page()
    click(page, "Sign out elsewhere")
    expect(page.get_by_text("You are signed out everywhere else.")).to_be_visible()
    elsewhere.go(KEYS)
    expect(elsewhere.page.get_by_role("heading", name="Sign in")).to_be_visible()

    user = User.objects.get()
    created = create_api_key(user, "Production")
    visitor.go("/account/")
    with page.expect_download() as download:
        click(page, "Download as JSON")
    data = json.loads(Path(download.value.path()).read_text())
    assert data["profile"]["email"] == EMAIL
    assert data["api_keys"][0]["prefix"] == created.token.prefix
    log = [event["what"] for event in data["security_log"]]
    assert "Two-factor sign-in added: TOTP Authenticator" in log
    assert Kind.SIGNED_OUT_ELSEWHERE.label in log

    page.get_by_role("link", name="See what, and delete").click()
    click(page, "Delete my account")
    expect(page.get_by_text("is deleted")).to_be_visible()
    assert ApiClient(created.token.plaintext).get("/chatbots").status_code == 401
    assert not User.objects.exists()


def test_without_script(visit_mailing: Visit, post: Post) -> None:
    visitor = visit_mailing(javascript=False)
    page = visitor.page
    visitor.go("/sign-up/")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    click(page, "Sign up")
    page.goto(post.link(EMAIL, "confirm"))
    click(page, "Yes, confirm it")
    visitor.sign_in(EMAIL)
    page.wait_for_url(f"**{KEYS}")
    sign_out(page)
    reset_password(visitor, post)
    _, recovery = turn_app_on_unscripted(visitor)
    sign_out(page)
    visitor.sign_in(EMAIL, NEW_PASSWORD)
    page.get_by_label("Code from your app").fill(recovery[0])
    expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()
    click(page, "Sign in")
    page.wait_for_url(f"**{KEYS}")


def turn_app_on_unscripted(visitor: Visitor) -> tuple[str, list[str]]:
    page = visitor.page
    visitor.go("/account/two-factor/totp/activate/")
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Code that the app shows").fill(codes(secret)[1])
    click(page, "Turn it on")
    return secret, page.get_by_label("Codes").input_value().split()


def reset_password(visitor: Visitor, post: Post) -> None:
    page = visitor.page
    visitor.go("/sign-in/")
    page.get_by_role("link", name="Forgotten it?").click()
    page.get_by_label("E-mail address").fill(EMAIL)
    click(page, "Send the link")
    expect(page.get_by_text("Look into your mail")).to_be_visible()
    page.goto(post.link(EMAIL, "new password"))
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password, again").fill(NEW_PASSWORD)
    click(page, "Set the password")
    expect(page.get_by_text("Your new password is set")).to_be_visible()
    page.get_by_role("link", name="Sign in").click()
    visitor.sign_in(EMAIL, NEW_PASSWORD)
    page.wait_for_url(f"**{KEYS}")


def test_a_new_address_replaces_the_old_one(visit_mailing: Visit, post: Post) -> None:
    owner = User.objects.create_user("owner@example.org", PASSWORD)
    visitor = visit_mailing()
    page = visitor.page
    visitor.sign_in(owner)
    page.wait_for_url(f"**{KEYS}")
    visitor.go("/account/")
    page.get_by_role("link", name="Change e-mail address").click()
    page.get_by_label("New e-mail address").fill(EMAIL)
    click(page, "Send the link")
    expect(page.get_by_text("Waiting for you to confirm")).to_be_visible()
    visitor.check_page()
    page.goto(post.link(EMAIL, "confirm"))
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


def test_a_passkey_signs_in_alone(visit: Visit, owner: User, authenticator: dict[str, Any]) -> None:
    visitor = visit()
    visitor.url = visitor.url.replace("127.0.0.1", "localhost")
    page = visitor.page
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    visitor.sign_in(owner)
    page.wait_for_url(f"**{KEYS}")
    visitor.go("/account/two-factor/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("My laptop")
    click(page, "Add it")
    page.get_by_role("heading", name="Recovery codes").wait_for()
    visitor.go("/account/two-factor/webauthn/")
    expect(page.get_by_role("row", name="My laptop").get_by_text("alone")).to_be_visible()
    visitor.check_page()

    sign_out(page)
    click(page, "Sign in with a passkey")
    page.wait_for_url(f"**{KEYS}")

    sign_out(page)
    visitor.sign_in(owner)
    page.get_by_role("heading", name="Second step").wait_for()
    click(page, "Use a passkey")
    page.wait_for_url(f"**{KEYS}")

    visitor.go("/account/two-factor/webauthn/")
    page.get_by_role("link", name="Remove My laptop").click()
    visitor.check_page()
    click(page, "Remove")
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    sign_out(page)
    visitor.sign_in(owner)
    page.wait_for_url(f"**{KEYS}")


def test_where_passkeys_cannot_work_it_says_so(visit: Visit, owner: User) -> None:
    visitor = visit()
    visitor.sign_in(owner)
    visitor.page.wait_for_url(f"**{KEYS}")
    visitor.go("/account/two-factor/webauthn/add/")
    click(visitor.page, "Add it")
    expect(visitor.page.get_by_text("Passkeys do not work at this address")).to_be_visible()


def test_an_old_session_is_asked_before_it_makes_a_key(visit: Visit, owner: User) -> None:
    from django.contrib.sessions.backends.db import SessionStore

    visitor = visit()
    page = visitor.page
    visitor.sign_in(owner)
    page.wait_for_url(f"**{KEYS}")
    cookie = next(one for one in page.context.cookies() if one["name"] == "sessionid")
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
