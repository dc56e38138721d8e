import re

import pytest

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.services import create_api_key
from tests.browser.conftest import Visit
from tests.conftest import ApiClient

KEY = re.compile(r"ic_[A-Za-z0-9_-]{44}")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_from_signing_in_to_a_first_call(visit: Visit, owner: User, javascript: bool) -> None:
    visitor = visit(javascript=javascript)
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go("/dashboard/developer/api-keys/")
    page.get_by_role("link", name="Create API Key").first.click()
    page.get_by_label("Name").fill("Production")
    page.get_by_role("button", name="Generate").click()
    key = page.get_by_label("API key").first.input_value()
    assert KEY.fullmatch(key)
    assert ApiClient(key).get("/chatbots").status_code == 200
    if javascript:
        page.get_by_role("button", name="Copy").first.click()
        page.get_by_role("button", name="Copied").first.wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == key
    page.get_by_role("link", name="I have stored it").click()
    assert key not in page.content()
    assert page.get_by_text(key[:8]).first.is_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_revoking_asks_first(visit: Visit, owner: User, javascript: bool) -> None:
    created = create_api_key(owner, "Old")
    visitor = visit(javascript=javascript)
    visitor.sign_in(owner)
    visitor.go("/dashboard/developer/api-keys/")
    visitor.page.get_by_role("link", name="Revoke").first.click()
    assert ApiKey.objects.get().is_active
    visitor.page.get_by_role("button", name="Revoke").click()
    visitor.page.get_by_text("is revoked").first.wait_for()
    assert ApiClient(created.token.plaintext).get("/chatbots").status_code == 401
