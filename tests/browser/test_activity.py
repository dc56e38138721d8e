import pytest
from playwright.sync_api import expect

from accounts.models import User
from apikeys.services import create_api_key
from apikeys.usage import recorder
from tests.browser.conftest import Visit
from tests.conftest import ApiClient

PAGE = "/dashboard/developer/api-keys/{}/activity/"


def test_window_is_updated_while_the_page_is_open(visit: Visit, owner: User) -> None:
    created = create_api_key(owner, "Production")
    visitor = visit()
    visitor.sign_in(owner)
    visitor.go(PAGE.format(created.api_key.id))
    expect(visitor.page.get_by_text("60 of 60 calls are left")).to_be_visible()
    ApiClient(created.token.plaintext).get("/chatbots")
    expect(visitor.page.get_by_text("59 of 60 calls are left")).to_be_visible(timeout=10_000)
    expect(visitor.page.locator(".taken")).to_have_count(1)


def test_link_refreshes_the_window_without_javascript(visit: Visit, owner: User) -> None:
    created = create_api_key(owner, "Production")
    visitor = visit(javascript=False)
    visitor.sign_in(owner)
    visitor.go(PAGE.format(created.api_key.id))
    ApiClient(created.token.plaintext).get("/chatbots")
    visitor.page.get_by_role("link", name="Refresh").click()
    expect(visitor.page.get_by_text("59 of 60 calls are left")).to_be_visible()


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "wide"])
@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_activity_of_a_busy_key_is_accessible(
    visit: Visit, owner: User, phone: bool, dark: bool
) -> None:
    created = create_api_key(owner, "Production")
    client = ApiClient(created.token.plaintext)
    for _ in range(61):
        client.get("/chatbots")
    recorder.write()
    visitor = visit(phone=phone, dark=dark)
    visitor.sign_in(owner)
    visitor.go(PAGE.format(created.api_key.id))
    expect(visitor.page.get_by_text("A call now: wait")).to_be_visible()
    visitor.check_page()
    visitor.page.get_by_role("list").get_by_role("link", name="answered").click()
    expect(visitor.page.get_by_role("heading", name="Calls on")).to_be_visible()
    expect(visitor.page.get_by_role("cell", name="60").first).to_be_visible()
    visitor.check_page()
    for span in ("7 days", "24 hours"):
        visitor.page.get_by_role("link", name=span).click()
        expect(
            visitor.page.get_by_role("heading", name=f"Calls in the last {span}")
        ).to_be_visible()
        visitor.check_page()
