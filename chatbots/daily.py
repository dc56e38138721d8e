"""The answers of each day: counting them, and reading what is shown of the last 30."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet, Sum
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


def chatbot_answers_by_day(chatbot_id: uuid.UUID) -> Sequence[tuple[date, Answers]]:
    """Return the days and the chatbot's answers on each of the last DAYS, today last."""
    return by_day(DailyAnswers.objects.filter(chatbot_id=chatbot_id))


def by_day(counted: QuerySet[DailyAnswers]) -> Sequence[tuple[date, Answers]]:
    days = last_days()
    rows = counted.filter(day__gte=days[0]).values("day").annotate(Sum("answered"), Sum("fallback"))
    found = {row["day"]: Answers(row["answered__sum"], row["fallback__sum"]) for row in rows}
    return [(day, found.get(day, Answers())) for day in days]


class Messages(NamedTuple):
    """How many messages a chatbot got in the last DAYS days, and how many of them today."""

    recent: int = 0
    today: int = 0


class AccountAnswers(NamedTuple):
    """What an account's chatbots answered on each of the last DAYS days, today last; and each."""

    by_day: Sequence[Answers]
    by_chatbot: Mapping[uuid.UUID, Messages]  # of those that got messages


# By days and by chatbots in one pass over the rows of both.
OF_ACCOUNT = """
    SELECT day, chatbot_id, sum(answered), sum(fallback),
        coalesce(sum(answered + fallback) FILTER (WHERE day = %(today)s), 0)
    FROM chatbots_dailyanswers
    WHERE day >= %(first)s AND chatbot_id IN (
        SELECT id FROM chatbots_chatbot WHERE owner_id = %(owner)s AND deleted_at IS NULL
    )
    GROUP BY GROUPING SETS ((day), (chatbot_id))
"""


def answers_of_account(owner_id: uuid.UUID) -> AccountAnswers:
    """Return the answers of the owner's chatbots, by one query."""
    days = last_days()
    with connection.cursor() as cursor:
        cursor.execute(OF_ACCOUNT, {"today": days[-1], "first": days[0], "owner": owner_id})
        rows = cursor.fetchall()
    by_day = {row[0]: Answers(int(row[2]), int(row[3])) for row in rows if row[0]}
    by_chatbot = {row[1]: Messages(int(row[2] + row[3]), int(row[4])) for row in rows if row[1]}
    return AccountAnswers([by_day.get(day, Answers()) for day in days], by_chatbot)


def last_days() -> Sequence[date]:
    return [today() - timedelta(days=number) for number in reversed(range(DAYS))]


def today() -> date:
    return timezone.now().astimezone(UTC).date()
