"""Dashboard → Chatbot → Insights."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chatbots import insights
from chatbots.answering import answer_message
from chatbots.embedding.base import EmbedderUnavailable
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot, Message, MessageUsage, Source
from tests.chatbots.test_pages import page_of, signed_in, text
from tests.jobs import run_due_jobs

__all__ = ["signed_in"]

UNANSWERED = ["Do you sell gift cards?", "Is a gift card available?", "Who founded the company?"]


@pytest.fixture
def asked(chatbot: Chatbot) -> Chatbot:
    for number, question in enumerate(["Do you ship to Norway?", *UNANSWERED, "Hello!"]):
        answer_message(chatbot, f"visitor-{number}", question)
    return chatbot


def studied(browser: Client, chatbot: Chatbot) -> str:
    path = page_of(chatbot, "insights/")
    assert "are being read" in text(browser.get(path))
    run_due_jobs()
    return text(browser.get(path))


def questions(page: str) -> list[str]:
    return re.findall(r'data-label="Question"><div>([^<]*)', page)


def test_it_shows_what_was_asked_and_what_had_no_answer(signed_in: Client, asked: Chatbot) -> None:
    add_text_source(asked, "About otters", "Otters hold hands while they sleep on the water.")
    page = studied(signed_in, asked)
    assert "20 % answered" in page
    assert "1 answered, 4 not" in page
    assert "half of the answers within" in page
    assert questions(page) == ["Is a gift card available?", "Who founded the company?"]
    assert "<li>Do you sell gift cards?</li>" in page
    assert 'data-label="Answers">1</td>' in page  # of the passage about shipping
    unused = page[page.index("Sources that no answer came from") :]
    assert "About otters" in unused
    assert "Rules" not in unused


def test_an_answer_is_written_and_tried_from_there(signed_in: Client, asked: Chatbot) -> None:
    page = studied(signed_in, asked)
    [form] = re.findall(r'href="([^"]*\?question=Is[^"]*)"', page)
    assert 'value="Is a gift card available?"' in text(signed_in.get(form))
    refused = signed_in.post(form, {"title": "Gift cards?", "text": ""})
    assert refused.status_code == 400
    assert 'value="Gift cards?"' in text(refused)
    used = MessageUsage.objects.get().used
    answer = {"title": "Is a gift card available?", "text": "Yes, from 10 euros on."}
    page = text(signed_in.post(form, answer, follow=True))
    assert "it now answers: “Yes, from 10 euros on.”" in page
    assert MessageUsage.objects.get().used == used + 1
    run_due_jobs()
    page = text(signed_in.get(page_of(asked, "insights/")))
    assert questions(page) == ["Who founded the company?"]


def test_an_answer_that_cannot_be_tried_is_added_all_the_same(
    signed_in: Client, chatbot: Chatbot
) -> None:
    Chatbot.objects.update(is_active=False)
    form = page_of(chatbot, "sources/add-question/?question=Who%3F")
    response = signed_in.post(form, {"title": "Who?", "text": "We."}, follow=True)
    assert "Added, but it was not asked. This chatbot is paused." in text(response)
    assert Source.objects.filter(title="Who?").exists()


def test_without_an_embedder_questions_are_grouped_by_their_words(
    signed_in: Client, asked: Chatbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise EmbedderUnavailable

    monkeypatch.setattr(insights, "configured", fail)
    assert sorted(questions(studied(signed_in, asked))) == sorted(UNANSWERED)


def test_what_is_older_or_deleted_is_not_told(signed_in: Client, asked: Chatbot) -> None:
    Message.objects.filter(text=asked.fallback_message).update(
        created_at=timezone.now() - timedelta(days=31)
    )
    assert questions(studied(signed_in, asked)) == []
    conversation = asked.conversations.latest("id")
    signed_in.post(page_of(asked, f"conversations/{conversation.id}/delete/"))
    assert "are being read" in text(signed_in.get(page_of(asked, "insights/")))


def test_one_that_nobody_asked_has_a_page_too(signed_in: Client, chatbot: Chatbot) -> None:
    page = studied(signed_in, chatbot)
    assert "No questions in the last 30 days" in page
    assert "Nobody has asked anything yet." in page


def test_to_a_stranger_there_is_no_such_page(strangers_browser: Client, chatbot: Chatbot) -> None:
    assert strangers_browser.get(page_of(chatbot, "insights/")).status_code == 404


def test_a_study_that_was_forgotten_while_it_was_made_is_not_shown(
    asked: Chatbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = insights.study

    def make_and_forget(chatbot: Chatbot) -> insights.Study:
        made = make(chatbot)
        insights.forget_study(chatbot.pk)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(insights, "study", make_and_forget)
        insights.study_conversations(str(asked.pk))
    assert insights.kept_study(asked.pk) is None
    insights.study_conversations(str(asked.pk))
    assert insights.kept_study(asked.pk) is not None
