import re
from contextlib import suppress
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Error, Page, expect

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.services import create_api_key
from apikeys.usage import recorder
from tests.browser.conftest import Visit
from tests.conftest import ApiClient

KEYS = "/dashboard/developer/api-keys/"
KEY = re.compile(r"ic_[A-Za-z0-9_-]{44}")
with_and_without_javascript = pytest.mark.parametrize(
    "javascript", [True, False], ids=["script", "no script"]
)


def shown_key(page: Page) -> str:
    key = page.get_by_label("API key").first.input_value()
    assert KEY.fullmatch(key)
    return key


@with_and_without_javascript
def test_newcomer_creates_a_key_and_calls_the_api(
    visit: Visit, owner: User, javascript: bool
) -> None:
    visitor = visit(javascript=javascript)
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(KEYS)
    page.get_by_role("link", name="Create API Key").first.click()
    page.get_by_label("Name").fill("Production")
    page.get_by_role("button", name="Generate").click()
    key = shown_key(page)
    assert ApiClient(key).get("/chatbots").status_code == 200
    if javascript:
        page.get_by_role("button", name="Copy").first.click()
        page.get_by_role("button", name="Copied").first.wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == key
    page.get_by_role("link", name="I have stored it").click()
    expect(page.get_by_text(key[:8]).first).to_be_visible()
    assert key not in page.content()


def test_first_call_works_in_the_api_docs(visit: Visit, owner: User) -> None:
    visitor = visit()
    page = visitor.page
    visitor.sign_in(owner)
    page.get_by_role("link", name="Create API Key").first.click()
    page.get_by_label("Name").fill("First")
    page.get_by_role("button", name="Generate").click()
    key = shown_key(page)
    visitor.check_page()
    with page.expect_popup() as opening:
        page.locator("main").get_by_role("link", name="API docs").click()
    docs = opening.value
    docs.locator(".btn.authorize").first.click()
    docs.locator("#auth-bearer-value").fill(key)
    docs.locator(".auth-btn-wrapper .authorize").first.click()
    docs.locator(".auth-btn-wrapper .btn-done").first.click()
    docs.locator(".opblock-get").first.click()
    docs.get_by_role("button", name="Try it out").click()
    docs.get_by_role("button", name="Execute").click()
    answer = docs.locator(".live-responses-table .response-col_status").last
    expect(answer).to_have_text(re.compile("200"))


@with_and_without_javascript
def test_revoking_needs_a_confirmation(visit: Visit, owner: User, javascript: bool) -> None:
    created = create_api_key(owner, "Old")
    visitor = visit(javascript=javascript)
    visitor.sign_in(owner)
    visitor.go(KEYS)
    visitor.page.get_by_role("link", name="Revoke").first.click()
    assert ApiKey.objects.get().is_active
    visitor.page.get_by_role("button", name="Revoke").click()
    visitor.page.get_by_text("is revoked").first.wait_for()
    assert ApiClient(created.token.plaintext).get("/chatbots").status_code == 401


@with_and_without_javascript
def test_reload_and_back_neither_show_the_key_nor_create_another(
    visit: Visit, owner: User, javascript: bool
) -> None:
    visitor = visit(javascript=javascript)
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(f"{KEYS}create/")
    page.get_by_label("Name").fill("Production")
    page.get_by_role("button", name="Generate").click()
    key = shown_key(page)
    page.reload()
    expect(page.get_by_role("heading", name="This key was made already")).to_be_visible()
    assert key not in page.content()
    visitor.go(KEYS)
    with suppress(Error):  # Chromium asks whether to send the form again
        page.go_back()
    expect(page.locator(f"[value='{key}']")).to_have_count(0)
    assert ApiKey.objects.count() == 1


@with_and_without_javascript
def test_invalid_name_is_explained_beside_its_field(
    visit: Visit, owner: User, javascript: bool
) -> None:
    visitor = visit(javascript=javascript)
    visitor.sign_in(owner)
    visitor.go(f"{KEYS}create/")
    visitor.expect_refusal("400 (Bad Request)")
    name = visitor.page.get_by_label("Name")
    name.fill("   ")
    visitor.page.get_by_role("button", name="Generate").click()
    expect(name).to_have_attribute("aria-invalid", "true")
    described_by = (name.get_attribute("aria-describedby") or "").split()
    texts = [visitor.page.locator(f"#{element_id}").inner_text() for element_id in described_by]
    assert any("required" in text for text in texts)
    expect(name).to_be_focused()
    assert not ApiKey.objects.exists()


@with_and_without_javascript
def test_both_keys_work_after_rotating(visit: Visit, owner: User, javascript: bool) -> None:
    old = create_api_key(owner, "Production")
    visitor = visit(javascript=javascript)
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(KEYS)
    page.get_by_role("link", name="Rotate").click()
    page.get_by_label("How long should the old key").select_option("7 days")
    page.get_by_role("button", name="Rotate").click()
    new = shown_key(page)
    for key in (old.token.plaintext, new):
        assert ApiClient(key).get("/chatbots").status_code == 200
    page.get_by_role("link", name="I have stored it").click()
    row = page.get_by_role("row").filter(has_text="Replaced by")
    expect(row).to_contain_text(new[:8])
    expect(row).to_contain_text("Ends in 7 days")


def test_rotation_at_the_cap_replaces_the_key_at_once(visit: Visit, owner: User) -> None:
    keys = [create_api_key(owner, f"Key {number}").token.plaintext for number in range(5)]
    visitor = visit()
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(KEYS)
    expect(page.get_by_role("link", name="Create API Key")).to_have_count(0)
    expect(page.get_by_text("Revoke one that is no longer used")).to_be_visible()
    page.get_by_role("link", name="Rotate Key 0").click()
    page.get_by_role("button", name="Replace now").click()
    new = shown_key(page)
    assert ApiClient(keys[0]).get("/chatbots").status_code == 401
    for key in (new, *keys[1:]):
        assert ApiClient(key).get("/chatbots").status_code == 200


@with_and_without_javascript
def test_key_is_renamed_and_set_to_expire(visit: Visit, owner: User, javascript: bool) -> None:
    create_api_key(owner, "Before")
    visitor = visit(javascript=javascript)
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(KEYS)
    page.get_by_role("link", name="Before", exact=True).click()
    page.get_by_role("link", name="Rename").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("After")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="After")).to_be_visible()
    page.get_by_role("link", name="Change expiry").click()
    expect(page.get_by_label("Expires")).to_be_focused()
    page.get_by_label("Expires").select_option("In 30 days")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The expiry is changed.")).to_be_visible()
    expires_at = ApiKey.objects.get().expires_at
    assert expires_at is not None
    assert timedelta(days=29) < expires_at - timezone.now() < timedelta(days=31)


def test_revoked_keys_page_counts_refused_calls(visit: Visit, owner: User) -> None:
    created = create_api_key(owner, "Old")
    client = ApiClient(created.token.plaintext)
    assert client.get("/chatbots").status_code == 200
    visitor = visit()
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(f"{KEYS}{created.api_key.id}/revoke/")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("is revoked").first).to_be_visible()
    assert [client.get("/chatbots").status_code for _ in range(3)] == [401, 401, 401]
    recorder.write()
    page.reload()
    facts = page.locator("dl")
    expect(facts).to_contain_text("Refused calls since")
    expect(facts.get_by_text("3", exact=True)).to_be_visible()


def test_key_is_created_with_the_keyboard_alone(visit: Visit, owner: User) -> None:
    visitor = visit()
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(KEYS)
    link = page.get_by_role("link", name="Create API Key").first
    for _ in range(30):
        page.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    shown_key(page)
    expect(page.get_by_role("heading", name="Store your new key")).to_be_focused()


def test_times_are_in_the_readers_time_zone(visit: Visit, owner: User) -> None:
    created = create_api_key(owner, "Production")
    visitor = visit()
    visitor.sign_in(owner)
    visitor.go(f"{KEYS}{created.api_key.id}/")
    local = created.api_key.created_at.astimezone(ZoneInfo("Asia/Kolkata"))
    shown = visitor.page.get_by_text(f"{local:%H:%M} IST")
    expect(shown).to_be_visible()
    expect(shown).to_have_attribute(
        "title", re.compile(f"{created.api_key.created_at:%H:%M:%S} UTC")
    )
