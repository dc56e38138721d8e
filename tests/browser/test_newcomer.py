"""From sign-up to the first call of the API, and what the frame around the pages does."""

import re

import pytest
from playwright.sync_api import Locator, expect

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.usage import recorder
from tests.browser.conftest import PASSWORD, Visit
from tests.conftest import SHOP, ApiClient, wait_for

CLICKS_MAX = 8

with_and_without_javascript = pytest.mark.parametrize(
    "javascript", [True, False], ids=["script", "no script"]
)


@with_and_without_javascript
def test_newcomer_makes_a_first_call_within_eight_clicks(visit: Visit, javascript: bool) -> None:
    visitor = visit(javascript=javascript)
    page = visitor.page
    clicks = 0

    def click(target: Locator) -> None:
        nonlocal clicks
        clicks += 1
        target.click()

    visitor.go("/sign-up/")
    page.get_by_label("E-mail address").fill("new@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    click(page.get_by_role("button", name="Sign up"))
    expect(page.get_by_role("listitem").filter(has_text="(done)")).to_have_count(0)
    click(page.get_by_role("main").get_by_role("link", name="Create chatbot"))
    page.get_by_label("Name").fill("Shop")
    page.get_by_label("First text").fill(SHOP)
    click(page.get_by_role("button", name="Create"))
    page.get_by_label("Your question").fill("Do you ship to Norway?")
    click(page.get_by_role("button", name="Ask"))
    page.get_by_role("log", name="Messages").get_by_text("We ship to Norway").wait_for()
    click(page.get_by_role("link", name="Overview"))
    expect(page.get_by_role("listitem").filter(has_text="(done)")).to_have_count(3)
    click(page.get_by_role("main").get_by_role("link", name="Create API Key"))
    page.get_by_label("Name").fill("Production")
    click(page.get_by_role("button", name="Generate"))
    call = page.get_by_label("A first call").input_value()
    key = re.search(r"Bearer (ic_\S{44})", call)
    assert key is not None
    assert ApiClient(key[1]).get("/chatbots").json()[0]["name"] == "Shop"
    assert clicks <= CLICKS_MAX

    recorder.write()
    wait_for(lambda: ApiKey.objects.get().last_used_at is not None)
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("heading", name="API calls").wait_for()
    expect(page.get_by_text("From a first chatbot")).to_have_count(0)


@with_and_without_javascript
def test_the_way_to_the_keys_is_dashboard_developer_api_keys(
    visit: Visit, owner: User, javascript: bool
) -> None:
    visitor = visit(javascript=javascript, phone=True)
    page = visitor.page
    visitor.sign_in(owner)
    keys = page.get_by_role("navigation", name="Dashboard").get_by_role("list", name="Developer")
    expect(keys).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    if javascript:  # axe is a script
        visitor.check_page()
    keys.get_by_role("link", name="API Keys").click()
    expect(page.get_by_role("heading", name="API Keys")).to_be_visible()
    expect(keys).to_be_hidden()


@with_and_without_javascript
def test_a_chosen_theme_stays(visit: Visit, owner: User, javascript: bool) -> None:
    visitor = visit(javascript=javascript)
    page = visitor.page
    visitor.sign_in(owner)
    page.get_by_role("button", name="Dark").click()
    dark = page.locator("html[data-theme=dark]")
    expect(dark).to_have_css("color-scheme", "dark")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Usage").click()
    page.get_by_role("heading", name="Usage", exact=True).wait_for()
    expect(dark).to_have_css("color-scheme", "dark")
