"""Every page in both themes, wide and on a phone, through axe's eyes."""

import pytest

from accounts.models import User
from apikeys.services import create_api_key
from chatbots.models import Chatbot, MessageUsage
from chatbots.services import add_pair_source, add_text_source, answer_message, create_chatbot
from tests.browser.conftest import Visit
from tests.conftest import SHOP

KEYS = "/dashboard/developer/api-keys/"
CHATBOTS = "/dashboard/chatbots/"
ENTRANCE = [
    *("/sign-in/", "/sign-up/", "/sign-up/confirm/", "/confirm-email/x/", "/disabled/"),
    *("/forgotten-password/", "/forgotten-password/sent/", "/forgotten-password/x-y/"),
    "/forgotten-password/done/",
]
ACCOUNT = [
    *("/account/", "/account/email/", "/account/password/", "/account/confirm/"),
    *("/account/two-factor/", "/account/two-factor/totp/activate/"),
    *("/account/two-factor/webauthn/", "/account/two-factor/webauthn/add/"),
    *("/account/sessions/", "/account/delete/", "/sign-out/"),
]


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "wide"])
@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_pages_are_for_everybody(visit: Visit, owner: User, phone: bool, dark: bool) -> None:
    created = create_api_key(owner, "Production with quite a long name, for the sake of it")
    visitor = visit(phone=phone, dark=dark)
    for path in ENTRANCE:
        visitor.go(path)
        visitor.check_page()
    visitor.sign_in(owner)
    for path in (KEYS, f"{KEYS}create/", f"{KEYS}{created.api_key.id}/revoke/", *ACCOUNT):
        visitor.go(path)
        visitor.check_page()


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "wide"])
@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_pages_of_chatbots_are_for_everybody(
    visit: Visit, owner: User, phone: bool, dark: bool
) -> None:
    visitor = visit(phone=phone, dark=dark)
    visitor.sign_in(owner)
    for path in (CHATBOTS, "/dashboard/usage/"):  # while there is nothing yet
        visitor.go(path)
        visitor.check_page()
    chatbot = create_chatbot(owner, "Assistant of a shop with quite a long name indeed " + "x" * 40)
    source = add_text_source(chatbot, "x" * 200, SHOP)
    add_pair_source(chatbot, "Do you ship to Finland?", "Not yet.")
    answer_message(chatbot, "visitor-" + "9" * 120, "Do you ship to Norway? " + "x" * 300)
    MessageUsage.objects.update(used=800)
    conversation = chatbot.conversations.get()
    deleted = create_chatbot(owner, "Deleted")
    Chatbot.objects.filter(pk=deleted.pk).soft_delete()
    of_chatbot = f"{CHATBOTS}{chatbot.id}/"
    for path in (
        f"{CHATBOTS}?deleted={deleted.id}",
        f"{CHATBOTS}create/",
        of_chatbot,
        f"{of_chatbot}sources/add-text/",
        f"{of_chatbot}sources/add-question/",
        f"{of_chatbot}sources/{source.id}/",
        f"{of_chatbot}playground/",
        f"{of_chatbot}conversations/",
        f"{of_chatbot}conversations/{conversation.id}/",
        f"{of_chatbot}settings/",
        "/dashboard/usage/",
    ):
        visitor.go(path)
        visitor.check_page()
    visitor.go(f"{of_chatbot}playground/")
    visitor.page.get_by_label("Your question").fill("Do you ship to Norway?")
    visitor.page.get_by_role("button", name="Ask").click()
    visitor.page.get_by_role("region", name="Answer").wait_for()
    visitor.check_page()


def test_the_api_docs_work_under_the_policy(visit: Visit) -> None:
    visitor = visit()
    visitor.go("/api/v1/docs")
    visitor.page.get_by_text("/api/v1/chatbots", exact=True).first.wait_for()
