"""What was said to a chatbot, kept per session."""

import uuid
from collections.abc import Sequence
from itertools import pairwise

from django.db import transaction
from django.utils import timezone

from chatbots.models import Chatbot, Conversation, Message
from chatbots.providers.base import Turn

HISTORY_TURNS = 10


def default_session(owner_id: uuid.UUID) -> str:
    """Return the session of calls that name none."""
    return f"api-{owner_id}"


def playground_session(owner_id: uuid.UUID) -> str:
    """Return the session of what the owner tries out in the dashboard."""
    return f"playground-{owner_id}"


def latest_turns(chatbot: Chatbot, session_id: str) -> Sequence[Turn]:
    """Return the session's last turns, oldest first."""
    messages = Message.objects.filter(
        conversation__chatbot=chatbot, conversation__session_id=session_id
    ).order_by("-id")[: 2 * HISTORY_TURNS]
    oldest_first = list(messages)[::-1]
    return [
        Turn(question.text, answer.text)
        for question, answer in pairwise(oldest_first)
        if (question.role, answer.role) == (Message.Role.USER, Message.Role.ASSISTANT)
    ]


@transaction.atomic
def store_turn(chatbot: Chatbot, session_id: str, turn: Turn) -> None:
    """Add a turn to its session.

    Turns that end at the same time queue on the conversation's row: a question and its answer have
    neighbouring ids, and no other message comes between them.
    """
    conversation, _ = Conversation.objects.update_or_create(
        chatbot=chatbot, session_id=session_id, defaults={"last_message_at": timezone.now()}
    )
    Message.objects.bulk_create(
        [
            Message(conversation=conversation, role=Message.Role.USER, text=turn.question),
            Message(conversation=conversation, role=Message.Role.ASSISTANT, text=turn.answer),
        ]
    )
