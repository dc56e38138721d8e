"""Conversations: the turns of a chatbot's sessions."""

import uuid
from collections.abc import Sequence
from itertools import pairwise

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chatbots.daily import count_answer
from chatbots.models import Chatbot, Conversation, Message
from chatbots.providers.base import Turn
from chatbots.retrieval.search import Passage

HISTORY_TURNS = 10


def default_session(owner_id: uuid.UUID) -> str:
    """Return the session of API calls without a session_id."""
    return f"api-{owner_id}"


def playground_session(owner_id: uuid.UUID) -> str:
    """Return the session of the dashboard's playground."""
    return f"playground-{owner_id}"


def latest_turns(chatbot: Chatbot, session_id: str) -> Sequence[Turn]:
    """Return the session's last HISTORY_TURNS turns, oldest first."""
    messages = latest_messages(chatbot, session_id).only("role", "text")
    return [Turn(question.text, answer.text) for question, answer in exchanges(messages)]


def latest_exchanges(chatbot: Chatbot, session_id: str) -> Sequence[tuple[Message, Message]]:
    """Return the questions and answers of the session's last HISTORY_TURNS turns, oldest first."""
    return exchanges(latest_messages(chatbot, session_id))


def exchanges(newest_first: QuerySet[Message]) -> Sequence[tuple[Message, Message]]:
    oldest_first = list(newest_first)[::-1]
    return [
        (question, answer)
        for question, answer in pairwise(oldest_first)
        if (question.role, answer.role) == (Message.Role.USER, Message.Role.ASSISTANT)
    ]


def latest_messages(chatbot: Chatbot, session_id: str) -> QuerySet[Message]:
    return Message.objects.filter(
        conversation__chatbot=chatbot, conversation__session_id=session_id
    ).order_by("-id")[: 2 * HISTORY_TURNS]


def set_aside(chatbot: Chatbot, session_id: str) -> None:
    """Let a session begin anew; what was said in it is kept under a name with the time."""
    Conversation.objects.filter(chatbot=chatbot, session_id=session_id).update(
        session_id=f"{session_id} until {timezone.now():%Y-%m-%d %H:%M:%S.%f}"
    )


@transaction.atomic(savepoint=False)
def store_turn(  # noqa: PLR0913 (its options are columns)
    chatbot: Chatbot,
    session_id: str,
    turn: Turn,
    *,
    is_fallback: bool = False,
    is_complete: bool = True,
    answer_milliseconds: int | None = None,
    confidence: float | None = None,
    passages: Sequence[Passage] = (),
) -> int:
    """Add a turn to its session, and count its answer; return the id of the answer.

    The answer is not complete where the visitor left while it was being sent.

    The lock on the conversation's row puts simultaneous turns in order, so that no other message
    comes between a question and its answer.
    """
    [conversation] = Conversation.objects.bulk_create(
        [Conversation(chatbot=chatbot, session_id=session_id, last_message_at=timezone.now())],
        update_conflicts=True,
        unique_fields=["chatbot", "session_id"],
        update_fields=["last_message_at"],
    )
    _, answer = Message.objects.bulk_create(
        [
            Message(
                conversation=conversation,
                role=Message.Role.USER,
                text=turn.question,
                confidence=confidence,
            ),
            Message(
                conversation=conversation,
                role=Message.Role.ASSISTANT,
                text=turn.answer,
                is_fallback=is_fallback,
                is_complete=is_complete,
                answer_milliseconds=answer_milliseconds,
                passages=[
                    (passage.chunk_id, str(passage.source_id), round(passage.score, 4))
                    for passage in passages
                ],
            ),
        ]
    )
    count_answer(chatbot.id, is_fallback=is_fallback)
    return answer.pk
