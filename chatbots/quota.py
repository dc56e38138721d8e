"""The monthly messages of an account, reserved before an answer is made."""

import logging
import math
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import DatabaseError, connection
from django.db.models import OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from chatbots.models import Chatbot, MessageUsage

# The dashboard warns from this share of the month's messages on.
WARNING_SHARE = 0.8

logger = logging.getLogger(__name__)


class MessageQuotaReached(Exception):
    """The plan's messages of this month are used up."""


@dataclass(frozen=True, slots=True)
class MonthlyUsage:
    """How many messages an account has used this month, and how many its plan allows."""

    used: int
    allowed: int
    resets_at: datetime

    @property
    def left(self) -> int:
        return max(self.allowed - self.used, 0)

    @property
    def warns_from(self) -> int:
        return math.ceil(self.allowed * WARNING_SHARE)

    @property
    def is_used_up(self) -> bool:
        return self.used >= self.allowed

    @property
    def is_nearly_used_up(self) -> bool:
        return self.warns_from <= self.used < self.allowed


# One statement checks and counts, so that no number of calls at once can pass the plan's, and the
# chatbots' counts add up to the account's. Both statements lock the account's row first.
RESERVE = """
    WITH reserved AS (
        INSERT INTO chatbots_messageusage (owner_id, month, used)
        SELECT owner.id, %(month)s, 1
        FROM accounts_user owner JOIN accounts_plan plan ON plan.id = owner.plan_id
        WHERE owner.id = %(owner)s AND plan.monthly_messages > 0
        ON CONFLICT (owner_id, month) DO UPDATE SET used = chatbots_messageusage.used + 1
        WHERE chatbots_messageusage.used < (
            SELECT plan.monthly_messages
            FROM accounts_user owner JOIN accounts_plan plan ON plan.id = owner.plan_id
            WHERE owner.id = %(owner)s
        )
        RETURNING month
    )
    INSERT INTO chatbots_chatbotmessageusage AS share (chatbot_id, month, used)
    SELECT %(chatbot)s, reserved.month, 1 FROM reserved
    ON CONFLICT (chatbot_id, month) DO UPDATE SET used = share.used + 1
    RETURNING used
"""

GIVE_BACK = """
    WITH given_back AS (
        UPDATE chatbots_messageusage SET used = used - 1
        WHERE owner_id = %(owner)s AND month = %(month)s AND used > 0
        RETURNING month
    )
    UPDATE chatbots_chatbotmessageusage share SET used = used - 1
    FROM given_back
    WHERE share.chatbot_id = %(chatbot)s AND share.month = given_back.month AND share.used > 0
"""


@contextmanager
def reserved_message(chatbot: Chatbot) -> Iterator[None]:
    """Count one message while the block runs, for good if it succeeds. Raises MessageQuotaReached.

    A block that fails gives it back to the month that it was taken from. A process that is killed
    in between does not: that message stays counted.
    """
    counted: dict[str, uuid.UUID | date] = {
        "owner": chatbot.owner_id,
        "chatbot": chatbot.id,
        "month": current_month(),
    }
    with connection.cursor() as cursor:
        cursor.execute(RESERVE, counted)
        if cursor.fetchone() is None:
            raise MessageQuotaReached
    try:
        yield
    except BaseException:
        give_back(counted)
        raise


def give_back(counted: Mapping[str, uuid.UUID | date]) -> None:
    """Uncount a message; a failure of that is logged and does not hide why it is done."""
    check_connection_again()
    try:
        with connection.cursor() as cursor:
            cursor.execute(GIVE_BACK, counted)
    except DatabaseError:
        logger.exception(
            "a message of account %s stays counted, though it failed", counted["owner"]
        )


def check_connection_again() -> None:
    """Have the next statement see first whether the connection broke during a long wait."""
    connection.health_check_done = False  # type: ignore[attr-defined]


def usage_of(owner_id: uuid.UUID) -> MonthlyUsage:
    """Read the account's month, by one query."""
    month = current_month()
    used = MessageUsage.objects.filter(owner=OuterRef("pk"), month=month).values("used")
    allowed, so_far = (
        User.objects.filter(pk=owner_id)
        .values_list("plan__monthly_messages", Coalesce(Subquery(used), 0))
        .get()
    )
    following = (month + timedelta(days=31)).replace(day=1)
    return MonthlyUsage(so_far, allowed, datetime.combine(following, time(), UTC))


@dataclass(frozen=True, slots=True)
class Share:
    """What one chatbot used of the month; without one, what all deleted ones did."""

    chatbot: Chatbot | None
    used: int


def usage_by_chatbot(owner_id: uuid.UUID) -> list[Share]:
    """Return the chatbots' shares, largest first; deleted ones together, if they used any."""
    in_month = Q(message_usage__month=current_month())
    counted = Chatbot.objects.filter(owner_id=owner_id).annotate(
        used=Coalesce(Sum("message_usage__used", filter=in_month), 0)
    )
    shares = [Share(one, one.used) for one in counted if one.deleted_at is None]
    shares.sort(key=lambda share: -share.used)
    of_deleted = sum(one.used for one in counted if one.deleted_at is not None)
    return [*shares, Share(None, of_deleted)] if of_deleted else shares


def current_month() -> date:
    """Return the first day of the calendar month in UTC."""
    return timezone.now().astimezone(UTC).date().replace(day=1)
