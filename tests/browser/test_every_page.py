"""Every page in both themes, wide and on a phone, through axe's eyes."""

import pytest

from accounts.models import User
from apikeys.services import create_api_key
from tests.browser.conftest import Visit

KEYS = "/dashboard/developer/api-keys/"


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "wide"])
@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_pages_are_for_everybody(visit: Visit, owner: User, phone: bool, dark: bool) -> None:
    created = create_api_key(owner, "Production with quite a long name, for the sake of it")
    visitor = visit(phone=phone, dark=dark)
    visitor.go("/sign-in/")
    visitor.check_page()
    visitor.sign_in(owner)
    for path in (KEYS, f"{KEYS}create/", f"{KEYS}{created.api_key.id}/revoke/"):
        visitor.go(path)
        visitor.check_page()


def test_the_api_docs_work_under_the_policy(visit: Visit) -> None:
    visitor = visit()
    visitor.go("/api/v1/docs")
    visitor.page.get_by_text("/api/v1/chatbots", exact=True).first.wait_for()
