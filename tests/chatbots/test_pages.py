"""Dashboard → Chatbots: making, setting up, pausing, deleting; and who may."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from chatbots.conversations import store_turn
from chatbots.forms import PROMPT_TEMPLATES
from chatbots.models import Chatbot, Conversation, Source
from chatbots.providers.base import Turn
from chatbots.services import create_chatbot
from tests.conftest import ApiClient

LIST = "/dashboard/chatbots/"
CREATE = f"{LIST}create/"


@pytest.fixture
def signed_in(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def page_of(chatbot: Chatbot, rest: str = "") -> str:
    return f"{LIST}{chatbot.id}/{rest}"


def text(response: Any) -> str:
    return str(response.content.decode())


def settings_of(chatbot: Chatbot, **changes: str) -> dict[str, str]:
    names = ("name", "provider", "system_prompt", "fallback_message", "threshold_shift")
    return {name: str(getattr(chatbot, name)) for name in names} | changes


def addresses(chatbot: Chatbot) -> tuple[list[str], list[str]]:
    """Return the addresses of every page about a chatbot, and of those that only take posts."""
    source = Source.objects.get(chatbot=chatbot)
    conversation = Conversation.objects.get(chatbot=chatbot)
    pages = [
        "",
        "settings/",
        "playground/",
        "insights/",
        "conversations/",
        f"conversations/{conversation.id}/",
        "sources/add-text/",
        "sources/add-question/",
        f"sources/{source.id}/",
    ]
    deeds = ["pause/", "resume/", "delete/", "restore/", "playground/try/"]
    deeds += [f"sources/{source.id}/delete/", f"sources/{source.id}/restore/"]
    return [page_of(chatbot, path) for path in pages], [page_of(chatbot, path) for path in deeds]


def posts(chatbot: Chatbot) -> list[str]:
    """Return every address about a chatbot that takes posts."""
    pages, deeds = addresses(chatbot)
    read_only = re.compile(rf"{page_of(chatbot)}($|insights/|conversations/)")
    forms = [page for page in pages if not read_only.match(page)]
    return forms + deeds


def snapshot() -> list[Any]:
    return [list(model.objects.values()) for model in (Chatbot, Source, Conversation)]


FORM = {
    "name": "Mine now",
    "provider": "builtin",
    "fallback_message": "x",
    "title": "Mine now",
    "text": "Mine now.",
    "message": "Do you ship to Norway?",
}


class TestWhoMay:
    @pytest.fixture
    def told(self, chatbot: Chatbot) -> Chatbot:
        store_turn(chatbot, "visitor-42", Turn("Secret question?", "Secret answer."))
        return chatbot

    def test_a_stranger_finds_nothing(self, strangers_browser: Client, told: Chatbot) -> None:
        before = snapshot()
        for page in addresses(told)[0]:
            assert strangers_browser.get(page).status_code == 404, page
        for page in posts(told):
            assert strangers_browser.post(page, FORM).status_code == 404, page
        assert snapshot() == before
        assert "Shop" not in text(strangers_browser.get(LIST))
        assert "Shop" not in text(strangers_browser.get("/dashboard/usage/"))

    def test_a_stranger_cannot_undo(self, strangers_browser: Client, told: Chatbot) -> None:
        Chatbot.objects.all().soft_delete()
        Source.objects.all().soft_delete()
        before = snapshot()
        for page in addresses(told)[1]:
            assert strangers_browser.post(page).status_code == 404, page
        assert "Shop" not in text(strangers_browser.get(f"{LIST}?deleted={told.id}"))
        assert snapshot() == before

    def test_sources_and_conversations_belong_to_their_chatbot(
        self, signed_in: Client, told: Chatbot, alice: User
    ) -> None:
        other = create_chatbot(alice, "Other")
        pages, deeds = addresses(told)
        for page in [*pages, *deeds]:
            through = page.replace(str(told.id), str(other.id))
            if re.search(r"sources/[0-9a-f-]{36}/|conversations/\d", page):
                assert signed_in.get(through).status_code in {404, 405}, page
                assert signed_in.post(through, FORM).status_code in {404, 405}, page
        assert Source.objects.alive().count() == 1

    def test_nobody_signed_in_is_sent_to_sign_in(self, told: Chatbot) -> None:
        before = snapshot()
        for page in [LIST, CREATE, "/dashboard/usage/", *addresses(told)[0]]:
            response = Client().get(page)
            assert response.status_code == 302, page
            assert response.headers["Location"].endswith(f"?next={page}")
        for page in [CREATE, *posts(told)]:
            assert Client(enforce_csrf_checks=True).post(page, FORM).status_code == 403, page
            assert Client().post(page, FORM).status_code == 302, page
        assert snapshot() == before

    def test_forms_need_a_csrf_token(self, browser: Client, told: Chatbot) -> None:
        before = snapshot()
        for page in [CREATE, *posts(told)]:
            assert browser.post(page, FORM).status_code == 403, page
        assert snapshot() == before

    def test_forms_carry_their_csrf_token(self, browser: Client, told: Chatbot) -> None:
        page = page_of(told, "sources/add-text/")
        browser.get(page)
        token = browser.cookies["csrftoken"].value
        posted = browser.post(page, FORM | {"csrfmiddlewaretoken": token})
        assert posted.headers["Location"] == page_of(told)

    def test_deeds_are_not_done_by_following_a_link(self, signed_in: Client, told: Chatbot) -> None:
        for page in addresses(told)[1]:
            assert signed_in.get(page).status_code == 405, page

    def test_what_is_deleted_is_gone_from_every_page(
        self, signed_in: Client, told: Chatbot
    ) -> None:
        pages, deeds = addresses(told)
        Chatbot.objects.all().soft_delete()
        for page in pages:
            assert signed_in.get(page).status_code == 404, page
        for page in deeds:
            if not page.endswith(f"{told.id}/restore/"):
                assert signed_in.post(page).status_code == 404, page
        assert "Shop" not in text(signed_in.get(LIST))
        assert "Shop" not in text(signed_in.get("/dashboard/usage/"))


class TestList:
    def test_it_shows_the_chatbots(self, signed_in: Client, chatbot: Chatbot) -> None:
        page = text(signed_in.get(LIST))
        assert f'<a href="{page_of(chatbot)}">Shop</a>' in page
        assert "Built-in" in page
        assert 'data-label="Sources">1<' in page
        assert "Active" in page

    def test_without_chatbots_it_says_what_to_do(self, signed_in: Client) -> None:
        page = text(signed_in.get(LIST))
        assert "Create your first one" in page
        assert f'href="{CREATE}"' in page

    def test_it_asks_no_more_for_more_chatbots(
        self,
        signed_in: Client,
        alice: User,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for name in "abc":
            create_chatbot(alice, name)
        with django_assert_num_queries(
            7
        ):  # session, user, chatbots, their number, usage, work: 2 (2)
            signed_in.get(LIST)


class TestCreate:
    def test_with_a_text_it_can_be_tried_at_once(self, signed_in: Client, alice: User) -> None:
        posted = signed_in.post(
            CREATE, {"name": " Shop ", "provider": "builtin", "text": "We open at nine.\r\nDaily."}
        )
        chatbot = Chatbot.objects.get()
        assert (chatbot.owner, chatbot.name, chatbot.slug) == (alice, "Shop", "shop")
        assert chatbot.sources.get().text == "We open at nine.\nDaily."
        assert posted.headers["Location"] == page_of(chatbot, "playground/")
        assert "“Shop” is ready" in text(signed_in.get(posted.headers["Location"]))

    def test_without_a_text_it_leads_to_the_sources(self, signed_in: Client) -> None:
        posted = signed_in.post(CREATE, {"name": "Shop", "provider": "builtin"}, follow=True)
        assert "knows nothing yet" in text(posted)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": "x" * 101}, "name"),
            ({"name": "a\0b"}, "name"),
            ({"provider": "hal"}, "provider"),
            ({"text": "x" * 500_001}, "text"),
            ({"text": "a\0b"}, "text"),
        ],
    )
    def test_what_does_not_fit_is_said_beside_the_field(
        self, signed_in: Client, changes: dict[str, str], field: str
    ) -> None:
        response = signed_in.post(CREATE, {"name": "Shop", "provider": "builtin"} | changes)
        assert response.status_code == 400
        page = text(response)
        assert f'id="id_{field}_error"' in page
        (marked,) = re.findall(r"<[^>]*autofocus[^>]*>", page)
        assert f'id="id_{field}"' in marked
        assert not Chatbot.objects.exists()

    def test_a_provider_that_is_not_set_up_says_so(
        self, signed_in: Client, settings: Settings
    ) -> None:
        settings.OPENAI_API_KEY = ""
        assert "ChatGPT (not set up on this server)" in text(signed_in.get(CREATE))
        posted = signed_in.post(CREATE, {"name": "Shop", "provider": "chatgpt"}, follow=True)
        assert "ChatGPT is not set up on this server" in text(posted)

    def test_a_provider_that_is_set_up_says_nothing(
        self, signed_in: Client, settings: Settings
    ) -> None:
        settings.OPENAI_API_KEY = "sk-test"
        assert "ChatGPT (not" not in text(signed_in.get(CREATE))
        posted = signed_in.post(CREATE, {"name": "Shop", "provider": "chatgpt"}, follow=True)
        assert "ChatGPT is not set up" not in text(posted)


class TestSettings:
    def test_they_are_changed(self, signed_in: Client, chatbot: Chatbot, api: ApiClient) -> None:
        changes = {
            "name": "Store",
            "provider": "gemini",
            "system_prompt": "Be kind.\r\nBe brief.",
            "fallback_message": "Write to us.",
            "threshold_shift": "0.5",
        }
        posted = signed_in.post(page_of(chatbot, "settings/"), changes, follow=True)
        assert "Saved." in text(posted)
        assert "Gemini is not set up" in text(posted)
        body = api.get(f"/chatbots/{chatbot.id}").json()
        assert (body["name"], body["provider"]) == ("Store", "gemini")
        assert body["system_prompt"] == "Be kind.\nBe brief."
        assert body["fallback_message"] == "Write to us."
        assert body["slug"] == "shop"
        chatbot.refresh_from_db()
        assert chatbot.threshold_shift == 0.5

    def test_only_what_changed_is_written(self, signed_in: Client, chatbot: Chatbot) -> None:
        page = page_of(chatbot, "settings/")
        stale = settings_of(chatbot, system_prompt="Be kind.")
        Chatbot.objects.update(is_active=False)
        signed_in.post(page, stale)
        chatbot.refresh_from_db()
        assert chatbot.system_prompt == "Be kind."
        assert not chatbot.is_active

    def test_a_template_fills_the_instructions_without_saving(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        (name, prompt), *_ = PROMPT_TEMPLATES.items()
        sent = settings_of(chatbot, name="Half done", template=name, fill="yes")
        filled = signed_in.post(page_of(chatbot, "settings/"), sent)
        assert filled.status_code == 200
        assert filled.context["form"]["system_prompt"].value() == prompt
        assert 'value="Half done"' in text(filled)
        chatbot.refresh_from_db()
        assert (chatbot.name, chatbot.system_prompt) == ("Shop", "")

    @pytest.mark.parametrize("field", ["name", "fallback_message"])
    def test_what_must_not_be_empty(self, signed_in: Client, chatbot: Chatbot, field: str) -> None:
        sent = settings_of(chatbot, **{field: " "})
        response = signed_in.post(page_of(chatbot, "settings/"), sent)
        assert response.status_code == 400
        assert f'id="id_{field}_error"' in text(response)

    def test_pausing_and_resuming(
        self, signed_in: Client, chatbot: Chatbot, api: ApiClient
    ) -> None:
        def chat() -> int:
            status: int = api.post(f"/chatbots/{chatbot.id}/chat", {"message": "Hi"}).status_code
            return status

        paused = signed_in.post(page_of(chatbot, "pause/"), follow=True)
        assert "is paused" in text(paused)
        assert chat() == 400
        assert "Paused" in text(signed_in.get(LIST))
        assert "answers again" in text(signed_in.post(page_of(chatbot, "resume/"), follow=True))
        assert chat() == 200


class TestDelete:
    def test_it_can_be_undone(self, signed_in: Client, chatbot: Chatbot, api: ApiClient) -> None:
        deleted = signed_in.post(page_of(chatbot, "delete/"), follow=True)
        page = text(deleted)
        assert "“Shop” is deleted" in page
        assert f'action="{page_of(chatbot, "restore/")}"' in page
        assert api.get(f"/chatbots/{chatbot.id}").status_code == 404
        restored = signed_in.post(page_of(chatbot, "restore/"), follow=True)
        assert "“Shop” is back" in text(restored)
        assert api.get(f"/chatbots/{chatbot.id}").status_code == 200

    def test_what_is_not_deleted_cannot_be_restored(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        assert signed_in.post(page_of(chatbot, "restore/")).status_code == 404

    @pytest.mark.parametrize("named", ["", "x", "00000000-0000-0000-0000-000000000000"])
    def test_an_address_that_names_nothing_deleted_offers_nothing(
        self, signed_in: Client, chatbot: Chatbot, named: str
    ) -> None:
        for page in (LIST, page_of(chatbot)):
            assert "Undo" not in text(signed_in.get(page, {"deleted": named}))


def test_chatbots_are_listed_in_the_order_of_their_creation(signed_in: Client, alice: User) -> None:
    names = [f"Chatbot {number}" for number in (3, 1, 4, 2, 5)]
    for name in names:
        create_chatbot(alice, name)
    assert re.findall(r'/">(Chatbot \d)</a>', text(signed_in.get(LIST))) == names


class TestConversations:
    def test_they_are_listed_with_their_messages(self, signed_in: Client, chatbot: Chatbot) -> None:
        for question in ("Where?", "When?"):
            store_turn(chatbot, "visitor <42>", Turn(question, "Here & now."))
        listed = text(signed_in.get(page_of(chatbot, "conversations/")))
        assert "visitor &lt;42&gt;" in listed
        assert 'data-label="Messages">4<' in listed
        conversation = Conversation.objects.get()
        shown = text(signed_in.get(page_of(chatbot, f"conversations/{conversation.id}/")))
        assert shown.index("Where?") < shown.index("When?")
        assert "Here &amp; now." in shown

    def test_sessions_that_the_owner_did_not_name_are_told_in_words(
        self, signed_in: Client, chatbot: Chatbot, alice: User, stranger: User
    ) -> None:
        for session_id in (f"playground-{alice.id}", f"api-{alice.id}", f"api-{stranger.id}"):
            store_turn(chatbot, session_id, Turn("Where?", "Here."))
        listed = text(signed_in.get(page_of(chatbot, "conversations/")))
        assert re.findall(r'class="session">(.*?)</span>', listed) == [
            f"api-{stranger.id}",
            "Calls without a session_id",
            "You, in the playground",
        ]

    def test_they_come_in_pages_the_latest_first(self, signed_in: Client, chatbot: Chatbot) -> None:
        for number in range(26):
            store_turn(chatbot, f"visitor-{number:02}", Turn("Where?", "Here."))
        first = text(signed_in.get(page_of(chatbot, "conversations/")))
        assert "visitor-25" in first
        assert "visitor-00" not in first
        assert "Page 1 of 2" in first
        assert "visitor-00" in text(signed_in.get(page_of(chatbot, "conversations/?page=2")))
        assert "visitor-25" in text(signed_in.get(page_of(chatbot, "conversations/?page=x")))

    def test_a_long_one_comes_in_pages(self, signed_in: Client, chatbot: Chatbot) -> None:
        for number in range(26):
            store_turn(chatbot, "visitor", Turn(f"Question {number:02}?", "Here."))
        page = page_of(chatbot, f"conversations/{Conversation.objects.get().id}/")
        assert "Question 25?" not in text(signed_in.get(page))
        assert "Question 25?" in text(signed_in.get(f"{page}?page=2"))

    def test_without_any_it_says_what_to_do(self, signed_in: Client, chatbot: Chatbot) -> None:
        assert "Nobody has asked" in text(signed_in.get(page_of(chatbot, "conversations/")))

    @pytest.mark.parametrize("number", ["0", "9" * 40])
    def test_another_number_is_not_found(
        self, signed_in: Client, chatbot: Chatbot, number: str
    ) -> None:
        page = page_of(chatbot, f"conversations/{number}/")
        assert signed_in.get(page).status_code == 404


def test_pages_forbid_inline_script(signed_in: Client, chatbot: Chatbot) -> None:
    response = signed_in.get(page_of(chatbot, "settings/"))
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert not re.search(
        r"<script(?![^>]*(src=|application/json))|\son\w+=|\sstyle=", text(response)
    )


def test_names_are_escaped(signed_in: Client, alice: User) -> None:
    chatbot = create_chatbot(alice, "</script><b>Shop</b>")
    for rest in ("", "settings/", "playground/", "conversations/"):
        assert "<b>Shop" not in text(signed_in.get(page_of(chatbot, rest)))
