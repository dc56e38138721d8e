"""What becomes of deleted chatbots and sources."""

from datetime import timedelta

import pytest
from django.db import models
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chatbots.conversations import store_turn
from chatbots.jobs import purge_deleted
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import (
    DELETED_KEPT,
    Chatbot,
    ChatbotMessageUsage,
    Chunk,
    Conversation,
    Message,
    MessageUsage,
    Source,
)
from chatbots.providers.base import Turn
from chatbots.services import create_chatbot
from core import retention
from tests.conftest import SHOP

JUST_NOT = DELETED_KEPT - timedelta(minutes=1)


def delete(thing: Chatbot | Source, ago: timedelta) -> None:
    type(thing).objects.filter(pk=thing.pk).update(deleted_at=timezone.now() - ago)


def used(owner: User) -> Chatbot:
    """Return a chatbot with something of everything in it."""
    chatbot = create_chatbot(owner, "Used")
    for number in range(3):
        add_text_source(chatbot, f"Rules {number}", SHOP)
        store_turn(chatbot, f"visitor {number}", Turn("How long?", "30 days"))
    ChatbotMessageUsage.objects.create(chatbot=chatbot, month="2026-01-01", used=3)
    return chatbot


EVERYTHING: list[type[models.Model]] = [
    *(Chatbot, Source, Chunk, Conversation, Message, ChatbotMessageUsage)
]


def test_a_chatbot_goes_for_good_with_everything_in_it(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    MessageUsage.objects.create(owner=alice, month="2026-01-01", used=3)
    used(alice)
    before = [model._default_manager.count() for model in EVERYTHING]
    delete(used(alice), DELETED_KEPT)
    purge_deleted()
    assert [model._default_manager.count() for model in EVERYTHING] == before
    assert MessageUsage.objects.get().used == 3


def test_a_source_goes_for_good_and_its_chatbot_stays(chatbot: Chatbot) -> None:
    kept = add_text_source(chatbot, "Kept", SHOP)
    delete(chatbot.sources.exclude(pk=kept.pk).get(), DELETED_KEPT)
    purge_deleted()
    assert Source.objects.get() == kept
    assert set(Chunk.objects.values_list("page__source", flat=True)) == {kept.id}


def test_before_its_time_nothing_goes(alice: User) -> None:
    delete(used(alice), JUST_NOT)
    source = add_text_source(create_chatbot(alice, "Other"), "Rules", SHOP)
    delete(source, JUST_NOT)
    before = [model._default_manager.count() for model in EVERYTHING]
    purge_deleted()
    assert [model._default_manager.count() for model in EVERYTHING] == before


@pytest.mark.parametrize(("ago", "status"), [(JUST_NOT, 302), (DELETED_KEPT, 404)])
def test_what_may_be_purged_cannot_be_had_back(
    alice: User, chatbot: Chatbot, ago: timedelta, status: int
) -> None:
    browser = Client()
    browser.force_login(alice)
    source = chatbot.sources.get()
    delete(source, ago)
    page = f"/dashboard/chatbots/{chatbot.id}"
    assert browser.post(f"{page}/sources/{source.id}/restore/").status_code == status
    delete(chatbot, ago)
    assert browser.post(f"{page}/restore/").status_code == status
