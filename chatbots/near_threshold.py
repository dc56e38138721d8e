"""The latest questions on either side of a threshold, which an owner chooses it by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from chatbots.models import Chatbot
from chatbots.retrieval.dialogue import is_small_talk
from chatbots.retrieval.scoring import THRESHOLD

QUESTIONS_SHOWN = 10
# Of each side, so that enough are left without small talk, which is told by a rule and not stored.
QUESTIONS_FETCHED = 40
CONVERSATIONS_READ = 200
MESSAGES_READ_OF_EACH = 500
MESSAGES_READ = 2000
SAME_START = 200  # characters; longer questions that begin with the same ones are taken for one


def percent_sure(confidence: float) -> str:
    """Return a confidence, which is the logarithm of odds, as a percentage."""
    percent = 100 / (1 + math.exp(-confidence))
    if percent < 1:
        return "under 1 %"
    return "over 99 %" if percent > 99 else f"{percent:.0f} %"


class NearQuestion(NamedTuple):
    is_above: bool
    text: str
    confidence: float
    asked_at: datetime
    conversation_id: int
    id: int
    got_fallback: bool | None  # None while its answer is missing

    @property
    def percent(self) -> str:
        return percent_sure(self.confidence)

    @property
    def is_as_it_was(self) -> bool:
        """Say whether what the visitor got is what this side of the threshold stands for."""
        return self.got_fallback is None or self.got_fallback is not self.is_above


@dataclass(frozen=True, slots=True)
class NearThreshold:
    """The questions above a threshold, which are answered, and those below it; nearest first."""

    above: Sequence[NearQuestion]
    below: Sequence[NearQuestion]


def questions_near(chatbot: Chatbot, threshold_shift: float) -> NearThreshold:
    """Return the questions nearest to the chatbot's threshold if it were shifted so.

    Of a question that was asked again only the latest time counts. Small talk is left out: it is
    never searched for, whatever the threshold.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            NEAR_QUESTIONS, {"chatbot": chatbot.pk, "threshold": THRESHOLD + threshold_shift}
        )
        questions = [NearQuestion(*row) for row in cursor.fetchall()]
    decided = [question for question in questions if not is_small_talk(question.text)]
    return NearThreshold(
        above=[question for question in decided if question.is_above][:QUESTIONS_SHOWN],
        below=[question for question in decided if not question.is_above][:QUESTIONS_SHOWN],
    )


# `latest` walks the index of a chatbot's conversations from the newest, and for each the index of
# its messages from the last, and ends after MESSAGES_READ of them. Neither reads what it leaves out
# nor sorts, so this costs the same however long a chatbot has been asked. An index by confidence
# would be written with every question, to be read on this page only.
NEAR_QUESTIONS = f"""
    WITH latest AS MATERIALIZED (
        SELECT message.id, message.conversation_id, confidence, role,
            lower(left(text, {SAME_START})) AS start
        FROM (
            SELECT id FROM chatbots_conversation
            WHERE chatbot_id = %(chatbot)s
            ORDER BY last_message_at DESC, id DESC
            LIMIT {CONVERSATIONS_READ}
        ) conversation
        CROSS JOIN LATERAL (
            SELECT * FROM chatbots_message
            WHERE conversation_id = conversation.id
            ORDER BY id DESC
            LIMIT {MESSAGES_READ_OF_EACH}
        ) message
        LIMIT {MESSAGES_READ}
    ),
    asked AS (
        SELECT DISTINCT ON (start) id, conversation_id, confidence
        FROM latest
        WHERE role = 'user' AND confidence IS NOT NULL
        ORDER BY start, id DESC
    ),
    near AS (
        (
            SELECT *, true AS is_above FROM asked WHERE confidence >= %(threshold)s
            ORDER BY confidence, id DESC LIMIT {QUESTIONS_FETCHED}
        )
        UNION ALL
        (
            SELECT *, false FROM asked WHERE confidence < %(threshold)s
            ORDER BY confidence DESC, id DESC LIMIT {QUESTIONS_FETCHED}
        )
    )
    SELECT is_above, question.text, near.confidence, question.created_at, near.conversation_id,
        near.id, answer.is_fallback
    FROM near
    JOIN chatbots_message question USING (id)
    LEFT JOIN LATERAL (
        SELECT is_fallback FROM chatbots_message
        WHERE conversation_id = near.conversation_id AND id > near.id AND role = 'assistant'
        ORDER BY id
        LIMIT 1
    ) answer ON true
    ORDER BY abs(near.confidence - %(threshold)s), near.id DESC
"""  # noqa: S608
