"""What a chatbot's conversations of the last 30 days show its owner.

Embedding the questions takes seconds, so a job does it; what it finds is kept in the cache.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from chatbots.answering import find
from chatbots.daily import DAYS
from chatbots.embedding.base import EmbedderUnavailable, Vectors
from chatbots.embedding.configured import configured
from chatbots.grouping import Group, Wording, count_wordings, group_by_meaning
from chatbots.models import Chatbot, Message
from chatbots.providers.base import Prompt
from chatbots.providers.builtin import BuiltinProvider
from chatbots.retrieval.dialogue import is_small_talk
from core.jobs import job

KEPT_SECONDS = 24 * 3600
FRESH = timedelta(minutes=10)
ANSWERS_READ = 2000
QUESTIONS_EMBEDDED = 500
GROUPS_SHOWN = 20
GROUPS_TRIED = 60
PASSAGES_SHOWN = 10
# Behind what people wait for more.
PRIORITY = -5


@dataclass(frozen=True)
class Study:
    """What was found, with ids in place of what may be deleted meanwhile."""

    made_at: datetime  # when it was begun
    median_milliseconds: int | None
    unanswered: Sequence[Group]
    best_chunks: Sequence[tuple[int, int]]  # its id, and how many answers it fitted best
    used_sources: frozenset[str]

    @property
    def is_fresh(self) -> bool:
        return timezone.now() - self.made_at < FRESH


def cache_key(chatbot_id: uuid.UUID) -> str:
    return f"insights-1:{chatbot_id}"


def forgotten_key(chatbot_id: uuid.UUID) -> str:
    return f"insights-forgotten:{chatbot_id}"


def latest_study(chatbot_id: uuid.UUID) -> Study | None:
    """Return the last study; where there is none, or none of late, have one made."""
    study = kept_study(chatbot_id)
    if study is None or not study.is_fresh:
        study_conversations.enqueue(str(chatbot_id))
    return study


def kept_study(chatbot_id: uuid.UUID) -> Study | None:
    """Return the study that is kept, unless it was begun before it was last to be forgotten."""
    study: Study | None = cache.get(cache_key(chatbot_id))
    forgotten_at: datetime | None = cache.get(forgotten_key(chatbot_id)) if study else None
    is_stale = study and forgotten_at and study.made_at <= forgotten_at
    return None if is_stale else study


def forget_study(chatbot_id: uuid.UUID) -> None:
    """Let a study be made anew: it tells what has been deleted or answered meanwhile.

    So does one that is being made: it is not shown when it is kept later.
    """
    cache.set(forgotten_key(chatbot_id), timezone.now(), KEPT_SECONDS)
    cache.delete(cache_key(chatbot_id))


@job(lock="study {chatbot_id}", priority=PRIORITY)
def study_conversations(chatbot_id: str) -> None:
    """Make a study, unless the page has had one made while this job waited for that."""
    former = kept_study(uuid.UUID(chatbot_id))
    if former is not None and former.is_fresh:
        return
    chatbot = Chatbot.objects.alive().filter(pk=chatbot_id).first()
    if chatbot is not None:
        cache.set(cache_key(chatbot.pk), study(chatbot), KEPT_SECONDS)


def study(chatbot: Chatbot) -> Study:
    now = timezone.now()
    since = now - timedelta(days=DAYS)
    numbers: dict[str, Any] = {"chatbot": chatbot.pk, "since": since}
    with connection.cursor() as cursor:
        cursor.execute(MEDIAN, numbers)
        [median] = cursor.fetchone() or [None]
        cursor.execute(BEST_CHUNKS, numbers)
        best_chunks = cursor.fetchall()
        cursor.execute(USED_SOURCES, numbers)
        used_sources = frozenset(source for (source,) in cursor.fetchall())
    return Study(
        made_at=now,
        median_milliseconds=None if median is None else round(median),
        unanswered=unanswered_groups(chatbot, since),
        best_chunks=best_chunks,
        used_sources=used_sources,
    )


def unanswered_groups(chatbot: Chatbot, since: datetime) -> list[Group]:
    """Return the most frequent questions that got the fallback message, and would again."""
    wordings = count_wordings(unanswered_questions(chatbot, since))[:QUESTIONS_EMBEDDED]
    groups = group_by_meaning(wordings, embedded(wordings))[:GROUPS_TRIED]
    return [group for group in groups if not has_answer(chatbot, group.question)][:GROUPS_SHOWN]


def unanswered_questions(chatbot: Chatbot, since: datetime) -> list[str]:
    """Return the questions before the latest fallback messages, latest first."""
    before = Message.objects.filter(
        conversation=OuterRef("conversation"), id__lt=OuterRef("id"), role=Message.Role.USER
    ).order_by("-id")
    fallbacks = Message.objects.filter(
        conversation__chatbot=chatbot, is_fallback=True, created_at__gte=since
    )
    asked = fallbacks.order_by("-id").values_list(Subquery(before.values("text")[:1]), flat=True)
    return [
        question for question in asked[:ANSWERS_READ] if question and not is_small_talk(question)
    ]


def embedded(wordings: Sequence[Wording]) -> Vectors | None:
    if not wordings:
        return None
    try:
        return configured().embed_documents([wording.text for wording in wordings])
    except EmbedderUnavailable:
        return None


def has_answer(chatbot: Chatbot, question: str) -> bool:
    """Say whether the sources answer a question by now, without asking a language model."""
    findings = find(chatbot, question, ())
    if not findings.passages:
        return False
    if chatbot.provider == Chatbot.Provider.BUILTIN:
        return BuiltinProvider().answer(Prompt(question, findings)) is not None
    return findings.passages[0].is_pair


ANSWERS = """
    FROM chatbots_message answer
    JOIN chatbots_conversation conversation ON conversation.id = answer.conversation_id
    WHERE conversation.chatbot_id = %(chatbot)s AND conversation.last_message_at >= %(since)s
        AND answer.created_at >= %(since)s AND answer.role = 'assistant'
"""
MEDIAN = f"""
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY answer_milliseconds) {ANSWERS}
"""
BEST_CHUNKS = f"""
    SELECT (passages -> 0 ->> 0)::bigint AS chunk, count(*) AS answers {ANSWERS}
        AND NOT answer.is_fallback AND passages -> 0 IS NOT NULL
    GROUP BY chunk ORDER BY answers DESC, chunk LIMIT {PASSAGES_SHOWN}
"""
# A small chatbot's answers have all of its passages, so that only the best three tell something.
USED_SOURCES = f"""
    SELECT DISTINCT source
    FROM (SELECT passages {ANSWERS} AND NOT answer.is_fallback) answers,
        unnest(ARRAY[passages -> 0 ->> 1, passages -> 1 ->> 1, passages -> 2 ->> 1]) AS source
    WHERE source IS NOT NULL
"""  # noqa: S608
