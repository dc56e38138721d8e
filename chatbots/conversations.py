"""What was said to a chatbot, kept per session."""

import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from chatbots.models import Chatbot, Conversation, Message
from chatbots.providers.base import Turn

HISTORY_TURNS = 10


def default_session(owner_id: uuid.UUID) -> str:
    """Return the session of calls that name none."""
    return f"api-{owner_id}"


def latest_turns(chatbot: Chatbot, session_id: str) -> Sequence[Turn]:
    """Return the session's last turns, oldest first."""
    messages = Message.objects.filter(
        conversation__chatbot=chatbot, conversation__session_id=session_id
    ).order_by("-id")[: 2 * HISTORY_TURNS]
    texts = [message.text for message in messages][::-1]
    return [Turn(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)]


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
