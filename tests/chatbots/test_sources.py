"""Texts and questions that a chatbot learns from, added, read and edited in the dashboard."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chatbots import training
from chatbots.answering import answer_message
from chatbots.knowledge.teaching import (
    MAX_ANSWER_LENGTH,
    add_pair_source,
    add_text_source,
)
from chatbots.models import Chatbot, Chunk, Source
from chatbots.retrieval import search
from chatbots.services import create_chatbot
from chatbots.training import LEARNT_AT_ONCE, rewrite_source
from chatbots.views import sources as views
from tests.chatbots.knowledge.test_chunking import PROSE
from tests.chatbots.test_pages import page_of, signed_in, text
from tests.conftest import ApiClient

__all__ = ["signed_in"]

QUESTION = "Do you ship to Finland?"
ANSWER = (
    "Not yet. Write to us, though!\nWe tell you when we do. Is that fine?\n# Really\n- promised"
)


def ask(chatbot: Chatbot, question: str) -> str:
    return answer_message(chatbot, "visitor", question).text


class TestAdding:
    def test_a_text_is_known_at_once(self, signed_in: Client, chatbot: Chatbot) -> None:
        form = {"title": "Hours", "text": "We open at nine.\r\nWe close at five."}
        posted = signed_in.post(page_of(chatbot, "sources/add-text/"), form, follow=True)
        assert "Added: “Hours”" in text(posted)
        source = Source.objects.get(title="Hours")
        assert (source.type, source.status) == ("text", "done")
        assert source.text == "We open at nine.\nWe close at five."
        assert "nine" in ask(chatbot, "When do you open?")

    def test_a_long_text_is_left_to_a_worker(
        self, signed_in: Client, chatbot: Chatbot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enqueued: list[str] = []
        monkeypatch.setattr(training.learn_written, "enqueue", enqueued.append)
        long = "Pandas eat bamboo. " * (LEARNT_AT_ONCE // 18)
        form = {"title": "Pandas", "text": long}
        signed_in.post(page_of(chatbot, "sources/add-text/"), form)
        source = Source.objects.get(title="Pandas")
        assert (source.status, enqueued) == ("processing", [str(source.id)])
        assert ask(chatbot, "What do pandas eat?") == chatbot.fallback_message
        training.learn_written(str(source.id))
        assert "bamboo" in ask(chatbot, "What do pandas eat?")

    def test_a_question_is_answered_word_for_word(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        form = {"title": "  Do you  ship\tto Finland? ", "text": ANSWER}
        posted = signed_in.post(page_of(chatbot, "sources/add-question/"), form, follow=True)
        assert QUESTION in text(posted)
        assert ask(chatbot, QUESTION) == ANSWER

    @pytest.mark.parametrize(
        ("kind", "changes", "field"),
        [
            ("text", {"title": ""}, "title"),
            ("text", {"title": "x" * 201}, "title"),
            ("text", {"text": " \n"}, "text"),
            ("text", {"text": "x" * 500_001}, "text"),
            ("text", {"text": "a\0b"}, "text"),
            ("question", {"title": ""}, "title"),
            ("question", {"text": ""}, "text"),
            ("question", {"text": "x" * (MAX_ANSWER_LENGTH + 1)}, "text"),
        ],
    )
    def test_what_does_not_fit_is_said_beside_the_field(
        self, signed_in: Client, chatbot: Chatbot, kind: str, changes: dict[str, str], field: str
    ) -> None:
        form = {"title": QUESTION, "text": "No."} | changes
        response = signed_in.post(page_of(chatbot, f"sources/add-{kind}/"), form)
        assert response.status_code == 400
        assert f'id="id_{field}_error"' in text(response)
        assert response.context["form"].fields[field].widget.attrs["autofocus"]
        assert Source.objects.count() == 1

    @pytest.mark.parametrize("letter", ["x", "é"])
    def test_the_longest_text_fits(self, signed_in: Client, chatbot: Chatbot, letter: str) -> None:
        words = (f"{letter * 9} " * 50_000)[:-1]
        posted = signed_in.post(
            page_of(chatbot, "sources/add-text/"), {"title": "Long", "text": words}
        )
        assert posted.status_code == 302
        assert len(Source.objects.get(title="Long").text) == 499_999

    def test_a_text_that_is_too_long_to_receive_says_so(
        self, browser: Client, chatbot: Chatbot
    ) -> None:
        page = page_of(chatbot, "sources/add-text/")
        browser.get(page)
        form = {
            "csrfmiddlewaretoken": browser.cookies["csrftoken"].value,
            "title": "Long",
            "text": "語" * 500_000,
        }
        posted = browser.post(page, form, follow=True)
        assert posted.redirect_chain == [(page, 302)]
        assert "too long to send at once" in text(posted)
        assert Source.objects.count() == 1

    def test_the_api_names_the_type(self, api: ApiClient, chatbot: Chatbot) -> None:
        source = add_pair_source(chatbot, QUESTION, ANSWER)
        listed = api.get(f"/chatbots/{chatbot.id}/sources").json()[0]
        assert (listed["id"], listed["type"]) == (str(source.id), "qa")
        assert (listed["title"], listed["url"], listed["status"]) == (QUESTION, "", "done")

    def test_lists_do_not_load_the_texts(
        self, api: ApiClient, signed_in: Client, chatbot: Chatbot
    ) -> None:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            api.get(f"/chatbots/{chatbot.id}/sources")
            signed_in.get(page_of(chatbot))
        of_sources = [query["sql"] for query in queries if 'FROM "chatbots_source"' in query["sql"]]
        assert len(of_sources) >= 2
        assert not any('"chatbots_source"."text"' in sql for sql in of_sources)


class TestPairs:
    def test_a_pair_is_one_chunk(self, chatbot: Chatbot) -> None:
        answer = "Some words. " * (MAX_ANSWER_LENGTH // 12)
        source = add_pair_source(chatbot, "q" * 200, answer)
        assert Chunk.objects.get(page__source=source).headings == ["q" * 200]

    @pytest.mark.parametrize("question", [QUESTION, "do you ship to finland", "Shipping: Finland"])
    def test_it_comes_before_texts_that_say_it_more_often(
        self, chatbot: Chatbot, question: str
    ) -> None:
        add_pair_source(chatbot, QUESTION, ANSWER)
        for number in range(8):
            add_text_source(
                chatbot, "Blog", f"# {QUESTION}\n\nWe ship to Finland {number} times a Finland day."
            )
        assert ask(chatbot, question) == ANSWER

    def test_it_does_not_answer_another_question(self, chatbot: Chatbot) -> None:
        add_pair_source(chatbot, QUESTION, ANSWER)
        assert ask(chatbot, "Do you ship to Norway?") == "We ship to Norway, Sweden and Denmark."
        assert ask(chatbot, "What is the capital of France?") == chatbot.fallback_message

    def test_a_question_without_a_mark_is_answered_too(self, chatbot: Chatbot) -> None:
        add_pair_source(chatbot, "Opening hours", "Nine to five.")
        assert ask(chatbot, "What are your opening hours?") == "Nine to five."


class TestEditing:
    def test_the_page_shows_the_text(self, signed_in: Client, chatbot: Chatbot) -> None:
        source = add_text_source(chatbot, "Prose", f"{PROSE}\n<b>&")
        shown = signed_in.get(page_of(chatbot, f"sources/{source.id}/"))
        assert shown.context["form"]["text"].value() == f"{PROSE}\n<b>&"
        assert "&lt;b&gt;&amp;" in text(shown)

    def test_the_chatbot_answers_from_the_new_text_alone(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        source = Source.objects.get()
        posted = signed_in.post(
            page_of(chatbot, f"sources/{source.id}/"),
            {"title": "New rules", "text": "You can return items within 14 days."},
            follow=True,
        )
        assert "answers from the new text" in text(posted)
        assert "14 days" in ask(chatbot, "How long can I return items?")
        assert ask(chatbot, "Do you ship to Norway?") == chatbot.fallback_message
        assert Chunk.objects.count() == 1

    def test_a_pair_keeps_its_form(self, signed_in: Client, chatbot: Chatbot) -> None:
        source = add_pair_source(chatbot, QUESTION, ANSWER)
        page = page_of(chatbot, f"sources/{source.id}/")
        assert "Answer" in text(signed_in.get(page))
        refused = signed_in.post(page, {"title": QUESTION, "text": " "})
        assert refused.status_code == 400
        assert ask(chatbot, QUESTION) == ANSWER
        signed_in.post(page, {"title": QUESTION, "text": "Yes."})
        assert ask(chatbot, QUESTION) == "Yes."

    def test_what_was_not_written_here_cannot_be_edited(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        source = Source.objects.create(chatbot=chatbot, type="url", url="https://example.org/")
        assert signed_in.get(page_of(chatbot, f"sources/{source.id}/")).status_code == 404
        assert "https://example.org/" in text(signed_in.get(page_of(chatbot)))

    def test_a_deleted_source_cannot_be_edited(self, chatbot: Chatbot) -> None:
        source = Source.objects.get()
        Source.objects.all().soft_delete()
        with pytest.raises(Source.DoesNotExist):
            rewrite_source(source, "New", "New.")

    def test_a_source_that_is_deleted_while_it_is_edited_is_not_found(
        self, signed_in: Client, chatbot: Chatbot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = Source.objects.get()

        def delete_first(*arguments: Any, **fields: Any) -> Source:
            Source.objects.all().soft_delete()
            return rewrite_source(*arguments, **fields)

        monkeypatch.setattr(views, "rewrite_source", delete_first)
        form = {"title": "New", "text": "New."}
        page = page_of(chatbot, f"sources/{source.id}/")
        assert signed_in.post(page, form).status_code == 404
        source.refresh_from_db()
        assert source.title == "Rules"

    def test_an_edit_between_search_and_load_is_searched_again(
        self, chatbot: Chatbot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load, source = search.load_passages, Source.objects.get()

        def edit_first(found: Any) -> Any:
            monkeypatch.setattr(search, "load_passages", load)
            rewrite_source(source, "Rules", "We ship to Norway by boat.")
            return load(found)

        monkeypatch.setattr(search, "load_passages", edit_first)
        assert ask(chatbot, "Do you ship to Norway?") == "We ship to Norway by boat."

    @pytest.mark.django_db(transaction=True)
    def test_edits_at_once_leave_one_whole_text(self) -> None:
        chatbot = create_chatbot(User.objects.create_user("a@example.org"), "Shop")
        source = add_text_source(chatbot, "Old", PROSE)

        def rewrite(number: int) -> None:
            rewrite_source(source, str(number), PROSE.replace("parcels", f"parcel{number}"))
            connection.close()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(rewrite, range(6)))
        source.refresh_from_db()
        chunks = list(Chunk.objects.filter(page__source=source))
        assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
        assert all(f"parcel{source.title}" in chunk.words for chunk in chunks)
        assert f"parcel{source.title}" in source.text


class TestDeleting:
    def test_it_can_be_undone(self, signed_in: Client, chatbot: Chatbot, api: ApiClient) -> None:
        source = Source.objects.get()
        deleted = signed_in.post(page_of(chatbot, f"sources/{source.id}/delete/"), follow=True)
        assert "“Rules” is deleted" in text(deleted)
        assert "knows nothing yet" in text(deleted)
        assert signed_in.get(page_of(chatbot, f"sources/{source.id}/")).status_code == 404
        assert api.get(f"/chatbots/{chatbot.id}/sources").json() == []
        assert ask(chatbot, "Do you ship to Norway?") == chatbot.fallback_message
        restored = signed_in.post(page_of(chatbot, f"sources/{source.id}/restore/"), follow=True)
        assert "“Rules” is back" in text(restored)
        assert "Norway" in ask(chatbot, "Do you ship to Norway?")

    def test_what_is_not_deleted_cannot_be_restored(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        page = page_of(chatbot, f"sources/{Source.objects.get().id}/restore/")
        assert signed_in.post(page).status_code == 404
