"""Making a chatbot, teaching it, trying it, and changing one's mind about deleting it."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from chatbots.forms import PROMPT_TEMPLATES
from chatbots.models import Chatbot, Source
from chatbots.services import add_text_source, create_chatbot
from tests.browser.conftest import Visit
from tests.conftest import SHOP

LIST = "/dashboard/chatbots/"
TEMPLATE, PROMPT = next(iter(PROMPT_TEMPLATES.items()))

with_and_without_script = pytest.mark.parametrize(
    "javascript", [True, False], ids=["script", "no script"]
)


@with_and_without_script
def test_a_newcomer_makes_teaches_and_tries_a_chatbot(
    visit: Visit, owner: User, javascript: bool
) -> None:
    visitor = visit(javascript=javascript)
    page = visitor.page
    visitor.sign_in(owner)
    page.get_by_role("link", name="Chatbots").click()
    page.get_by_text("Make your first one").wait_for()
    page.get_by_role("link", name="Create chatbot").click()
    page.get_by_label("Name").fill("Shop")
    page.get_by_role("button", name="Create").click()
    page.get_by_text("knows nothing yet").wait_for()

    page.get_by_role("link", name="Add text").click()
    page.get_by_label("Title").fill("Rules")
    page.get_by_label("Text", exact=True).fill(SHOP)
    page.get_by_role("button", name="Add").click()
    page.get_by_role("link", name="Rules").wait_for()
    page.get_by_role("link", name="Add question").click()
    page.get_by_label("Question").fill("Do you ship to Finland?")
    page.get_by_label("Answer").fill("Not yet.")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("link", name="Do you ship to Finland?").wait_for()

    page.get_by_role("link", name="Playground").click()
    page.get_by_label("Your question").fill("Do you ship to Norway?")
    page.get_by_role("button", name="Ask").click()
    answer = page.get_by_role("region", name="Answer")
    answer.get_by_text("We ship to Norway, Sweden and Denmark.").wait_for()
    expect(answer).to_be_focused()
    passages = page.get_by_role("region", name="Passages")
    expect(passages).to_contain_text("Refunds are paid")
    page.get_by_text("999 of 1,000 are left").wait_for()

    page.get_by_role("navigation", name="Shop").get_by_text("Conversations").click()
    page.get_by_role("link", name="You, in the playground").click()
    page.get_by_text("Do you ship to Norway?").wait_for()
    page.get_by_role("navigation", name="Dashboard").get_by_text("Usage").click()
    page.get_by_text("1 of 1,000").first.wait_for()
    expect(page.get_by_role("meter")).to_have_count(1)


@with_and_without_script
def test_deleting_can_be_undone(visit: Visit, owner: User, javascript: bool) -> None:
    chatbot = create_chatbot(owner, "Shop")
    add_text_source(chatbot, "Rules", SHOP)
    visitor = visit(javascript=javascript)
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(f"{LIST}{chatbot.id}/")
    page.get_by_role("button", name="Delete Rules").click()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    assert not Source.objects.alive().exists()
    undo.click()
    page.get_by_text("“Rules” is back").wait_for()
    assert Source.objects.alive().exists()

    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Delete “Shop”").click()
    page.get_by_role("button", name="Undo").wait_for()
    assert not Chatbot.objects.alive().exists()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("“Shop” is back").wait_for()
    assert Chatbot.objects.alive().exists()


@with_and_without_script
def test_instructions_start_from_a_template(visit: Visit, owner: User, javascript: bool) -> None:
    chatbot = create_chatbot(owner, "Shop")
    visitor = visit(javascript=javascript)
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(f"{LIST}{chatbot.id}/settings/")
    page.get_by_label("Start the instructions from").select_option(TEMPLATE)
    fill = page.get_by_role("button", name="Fill in")
    if javascript:
        expect(fill).to_be_hidden()
    else:
        fill.click()
    expect(page.get_by_label("Instructions", exact=True)).to_have_value(PROMPT)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    chatbot.refresh_from_db()
    assert chatbot.system_prompt == PROMPT


def test_own_instructions_are_not_replaced_unasked(visit: Visit, owner: User) -> None:
    chatbot = create_chatbot(owner, "Shop")
    visitor = visit()
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(f"{LIST}{chatbot.id}/settings/")
    instructions = page.get_by_label("Instructions", exact=True)
    instructions.fill("My own words.")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_label("Start the instructions from").select_option(TEMPLATE)
    expect(instructions).to_have_value("My own words.")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Start the instructions from").select_option("")
    page.get_by_label("Start the instructions from").select_option(TEMPLATE)
    expect(instructions).to_have_value(PROMPT)


def test_the_call_is_copied(visit: Visit, owner: User) -> None:
    chatbot = create_chatbot(owner, "Shop")
    visitor = visit()
    visitor.sign_in(owner)
    visitor.go(f"{LIST}{chatbot.id}/playground/")
    visitor.page.get_by_role("button", name="Copy").click()
    visitor.page.get_by_role("button", name="Copied").wait_for()
    copied = visitor.page.evaluate("navigator.clipboard.readText()")
    assert f"/api/v1/chatbots/{chatbot.id}/chat" in copied


@with_and_without_script
def test_the_first_wrong_field_has_the_focus(visit: Visit, owner: User, javascript: bool) -> None:
    visitor = visit(javascript=javascript)
    visitor.expect_refusal("400 (Bad Request)")
    page = visitor.page
    visitor.sign_in(owner)
    visitor.go(f"{LIST}create/")
    page.get_by_label("Name").fill(" ")
    page.get_by_role("button", name="Create").click()
    page.get_by_text("This field is required.").wait_for()
    name = page.get_by_label("Name")
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-invalid", "true")
    assert "id_name_error" in (name.get_attribute("aria-describedby") or "")
    if javascript:  # axe is a script
        visitor.check_page()
