"""The answers of each day: counting them, and reading what is shown of the last 30."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from chatbots.models import DailyAnswers

DAYS = 30

COUNT = """
    INSERT INTO chatbots_dailyanswers AS known (chatbot_id, day, answered, fallback)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (chatbot_id, day) DO UPDATE
    SET answered = known.answered + EXCLUDED.answered, fallback = known.fallback + EXCLUDED.fallback
"""


class Answers(NamedTuple):
    """How many messages got an answer, and how many the fallback message."""

    answered: int = 0
    fallback: int = 0

    @property
    def total(self) -> int:
        return self.answered + self.fallback


def count_answer(chatbot_id: uuid.UUID, *, is_fallback: bool) -> None:
    """Count an answer of today, in the caller's transaction if there is one."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [chatbot_id, today(), int(not is_fallback), int(is_fallback)])


def answers_by_day(owner_id: uuid.UUID) -> Sequence[Answers]:
    """Return the answers of the owner's chatbots on each of the last DAYS days, today last."""
    counted = DailyAnswers.objects.filter(chatbot__owner_id=owner_id, chatbot__deleted_at=None)
    return [answers for _, answers in by_day(counted)]


def chatbot_answers_by_day(chatbot_id: uuid.UUID) -> Sequence[tuple[date, Answers]]:
    """Return the days and the chatbot's answers on each of the last DAYS, today last."""
    return by_day(DailyAnswers.objects.filter(chatbot_id=chatbot_id))


def by_day(counted: QuerySet[DailyAnswers]) -> Sequence[tuple[date, Answers]]:
    days = [today() - timedelta(days=number) for number in reversed(range(DAYS))]
    rows = counted.filter(day__gte=days[0]).values("day").annotate(Sum("answered"), Sum("fallback"))
    found = {row["day"]: Answers(row["answered__sum"], row["fallback__sum"]) for row in rows}
    return [(day, found.get(day, Answers())) for day in days]


class Messages(NamedTuple):
    """How many messages a chatbot got in the last DAYS days, and how many of them today."""

    recent: int = 0
    today: int = 0


def messages_by_chatbot(owner_id: uuid.UUID) -> Mapping[uuid.UUID, Messages]:
    """Return the numbers of the owner's chatbots that got messages in the last DAYS days."""
    of_day = F("answered") + F("fallback")
    rows = (
        DailyAnswers.objects.filter(
            chatbot__owner_id=owner_id, day__gt=today() - timedelta(days=DAYS)
        )
        .values("chatbot_id")
        .annotate(recent=Sum(of_day), today=Coalesce(Sum(of_day, filter=Q(day=today())), 0))
    )
    return {row["chatbot_id"]: Messages(row["recent"], row["today"]) for row in rows}


def today() -> date:
    return timezone.now().astimezone(UTC).date()
