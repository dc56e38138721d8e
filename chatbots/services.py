"""Making chatbots, training them, and having them answer."""

import uuid
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from accounts.models import User
from apikeys.services import violated_constraint
from chatbots.conversations import latest_turns, store_turn
from chatbots.models import Chatbot, Chunk, Source
from chatbots.providers import provider_for
from chatbots.providers.base import Prompt, Turn
from chatbots.quota import check_connection_again, reserved_message
from chatbots.retrieval import Findings, search
from chatbots.training import split


class ChatbotPaused(Exception):
    """The owner has paused the chatbot; it answers nobody."""


class NothingToLearn(ValueError):
    """The text has no words in it."""


def create_chatbot(owner: User, name: str, *, provider: str = Chatbot.Provider.BUILTIN) -> Chatbot:
    """Make a chatbot with a slug that is its owner's alone."""
    chatbot = Chatbot(owner=owner, name=name, provider=provider)
    for slug in chatbot.slug_candidates():
        chatbot.slug = slug
        try:
            with transaction.atomic():
                chatbot.save(force_insert=True)
        except IntegrityError as error:
            if violated_constraint(error) != Chatbot.SLUG_IS_TAKEN:
                raise
        else:
            break
    return chatbot


@transaction.atomic
def add_text_source(chatbot: Chatbot, title: str, text: str) -> Source:
    """Train a chatbot on a text, ready when this returns. Raises NothingToLearn."""
    chunks = split(text)
    if not chunks:
        raise NothingToLearn(f"{title}: there is no text to learn from")
    source = Source.objects.create(
        chatbot=chatbot, type=Source.Type.TEXT, title=title, status=Source.Status.DONE
    )
    Chunk.objects.bulk_create(
        Chunk(source=source, position=position, text=chunk) for position, chunk in enumerate(chunks)
    )
    return source


def answer_message(chatbot: Chatbot, session_id: str, message: str) -> str:
    """Answer a message in its session and count it against the owner's month.

    Raises ChatbotPaused, MessageQuotaReached, ProviderError; nothing is counted or stored then.
    """
    if not chatbot.is_active:
        raise ChatbotPaused
    with reserved_message(chatbot.owner_id):
        history = latest_turns(chatbot, session_id)
        findings = find(chatbot.id, message, history)
        answer = None
        if findings.passages:
            prompt = Prompt(message, findings, history, chatbot.system_prompt)
            answer = provider_for(chatbot).answer(prompt)
            check_connection_again()
        turn = Turn(message, answer or chatbot.fallback_message)
        store_turn(chatbot, session_id, turn)
    return turn.answer


def find(chatbot_id: uuid.UUID, message: str, history: Sequence[Turn]) -> Findings:
    """Search for the message; a follow-up that finds nothing alone, with the question before it."""
    findings = search(chatbot_id, message)
    if findings.passages or not history:
        return findings
    return search(chatbot_id, f"{history[-1].question} {message}")
