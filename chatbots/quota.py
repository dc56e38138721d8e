"""The monthly message quota of an account. A message is reserved before its answer is made."""

import logging
import math
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from accounts.models import User
from chatbots.metrics import QUOTA_GIVE_BACK_FAILURES, QUOTA_GIVEN_BACK, QUOTA_REFUSALS
from chatbots.models import Chatbot, MessageUsage, Reservation
from chatbots.providers.base import ProviderError
from core import db

# The dashboard shows a notice once this share of the month's messages is used.
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


# One statement checks, counts and reserves, so that simultaneous calls cannot exceed the plan's
# quota and the chatbots' counts add up to the account's. To avoid deadlocks, this and GIVE_BACK
# lock the account's row before the chatbot's. The clock is PostgreSQL's, for all hosts alike.
RESERVE = """
    WITH counted AS (
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
    ), shared AS (
        INSERT INTO chatbots_chatbotmessageusage AS share (chatbot_id, month, used)
        SELECT %(chatbot)s, month, 1 FROM counted
        ON CONFLICT (chatbot_id, month) DO UPDATE SET used = share.used + 1
        RETURNING chatbot_id, month
    )
    INSERT INTO chatbots_reservation (chatbot_id, month, expires_at)
    SELECT chatbot_id, month, now() + make_interval(secs => %(seconds)s) FROM shared
    RETURNING id
"""

# Does nothing where the reservation is kept or has been given back already.
GIVE_BACK = """
    WITH ended AS (
        DELETE FROM chatbots_reservation WHERE id = %s RETURNING chatbot_id, month
    ), uncounted AS (
        UPDATE chatbots_messageusage usage SET used = used - 1
        FROM ended JOIN chatbots_chatbot chatbot ON chatbot.id = ended.chatbot_id
        WHERE usage.owner_id = chatbot.owner_id AND usage.month = ended.month AND used > 0
        RETURNING ended.chatbot_id, ended.month
    )
    UPDATE chatbots_chatbotmessageusage share SET used = used - 1
    FROM uncounted
    WHERE share.chatbot_id = uncounted.chatbot_id AND share.month = uncounted.month
        AND share.used > 0
"""

# Undoes GIVE_BACK, whatever is left of the quota; the rows are there since it was counted before.
COUNT_AGAIN = """
    WITH counted AS (
        UPDATE chatbots_messageusage usage SET used = used + 1
        FROM chatbots_chatbot chatbot
        WHERE chatbot.id = %(chatbot)s
            AND usage.owner_id = chatbot.owner_id AND usage.month = %(month)s
        RETURNING usage.month
    )
    UPDATE chatbots_chatbotmessageusage share SET used = share.used + 1
    FROM counted
    WHERE share.chatbot_id = %(chatbot)s AND share.month = counted.month
"""

# How long a message may be answered beyond the time that its provider has: for the statements
# around that, each of which has to wait for a busy database.
EXPIRY_MARGIN_SECONDS = 60


class ReservationExpired(ProviderError):
    """The answer came so late that its message has been given back; it must not be stored."""


@dataclass(slots=True)
class ReservedMessage:
    """A message that is counted already. It stays counted if it is kept."""

    id: int
    chatbot_id: uuid.UUID
    month: date
    is_kept: bool = False

    def keep(self) -> None:
        """Let the message stay counted, in the transaction that stores its answer, if any.

        If that rolls back, the message is still reserved and is given back. Calling it again does
        nothing. Raises ReservationExpired.
        """
        if not self._is_kept_now():
            raise ReservationExpired("the answer came after its reservation had expired")

    def keep_sent(self) -> None:
        """Do what keep() does for an answer of which the visitor has got text already.

        If its reservation has expired, the message is counted again.
        """
        if self._is_kept_now():
            return
        with connection.cursor() as cursor:
            cursor.execute(COUNT_AGAIN, {"chatbot": self.chatbot_id, "month": self.month})
        self.is_kept = True

    def _is_kept_now(self) -> bool:
        if not self.is_kept:
            deleted, _ = Reservation.objects.filter(pk=self.id).delete()
            self.is_kept = deleted > 0
        return self.is_kept


@contextmanager
def reserved_message(chatbot: Chatbot) -> Iterator[ReservedMessage]:
    """Count one message; give it back when the block fails, or ends without having kept it.

    Keep it once the visitor has an answer: when it is stored, or when the first part of a stream
    has been sent. The block may be part of a generator, which gives the message back when it is
    closed early. A message goes back to the month that it was taken from. If the process is killed,
    or the database is away when a message should be given back, a job gives it back when its
    reservation has expired. Raises MessageQuotaReached.
    """
    message = reserve(chatbot)
    is_answered = False
    try:
        yield message
        is_answered = message.is_kept
    finally:
        if not is_answered:
            give_back_soon(message.id)


def reserve(chatbot: Chatbot) -> ReservedMessage:
    """Count one message. Raises MessageQuotaReached."""
    month = current_month()
    parameters: dict[str, uuid.UUID | date | float] = {
        "owner": chatbot.owner_id,
        "chatbot": chatbot.id,
        "month": month,
        "seconds": settings.PROVIDER_TIMEOUT_SECONDS + EXPIRY_MARGIN_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(RESERVE, parameters)
        row = cursor.fetchone()
    if row is None:
        QUOTA_REFUSALS.inc()
        raise MessageQuotaReached
    return ReservedMessage(int(row[0]), chatbot.id, month)


def give_back_soon(reservation_id: int) -> None:
    """Uncount a message. A failure is only logged, so that it does not hide another exception."""
    db.release()  # takes another connection, if this one broke
    try:
        give_back(reservation_id)
    except (DatabaseError, InterfaceError) as error:
        QUOTA_GIVE_BACK_FAILURES.inc()
        logger.warning("an unanswered message is given back when it expires: %s", error)


def give_back(reservation_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(GIVE_BACK, [reservation_id])
        QUOTA_GIVEN_BACK.inc(by=cursor.rowcount)


def give_back_expired() -> None:
    """Uncount the messages whose reservations have expired."""
    expired = Reservation.objects.filter(expires_at__lte=Now()).values_list("pk", flat=True)
    for reservation_id in expired:
        give_back(reservation_id)


def usage_of(owner_id: uuid.UUID) -> MonthlyUsage:
    """Return the account's usage of this month, by one query."""
    month = current_month()
    used = MessageUsage.objects.filter(owner=OuterRef("pk"), month=month).values("used")
    allowed, used_messages = (
        User.objects.filter(pk=owner_id)
        .values_list("plan__monthly_messages", Coalesce(Subquery(used), 0))
        .get()
    )
    next_month = (month + timedelta(days=31)).replace(day=1)
    return MonthlyUsage(used_messages, allowed, datetime.combine(next_month, time(), UTC))


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the month's messages a chatbot has used; all deleted ones where it is None."""

    chatbot: Chatbot | None
    used: int


def usage_by_chatbot(owner_id: uuid.UUID) -> list[Share]:
    """Return the chatbots' shares, largest first, and then the share of all deleted chatbots."""
    in_month = Q(message_usage__month=current_month())
    chatbots = Chatbot.objects.filter(owner_id=owner_id).annotate(
        used=Coalesce(Sum("message_usage__used", filter=in_month), 0)
    )
    shares = [Share(chatbot, chatbot.used) for chatbot in chatbots if chatbot.deleted_at is None]
    shares.sort(key=lambda share: -share.used)
    used_by_deleted = sum(chatbot.used for chatbot in chatbots if chatbot.deleted_at is not None)
    return [*shares, Share(None, used_by_deleted)] if used_by_deleted else shares


def current_month() -> date:
    """Return the first day of the calendar month in UTC."""
    return timezone.now().astimezone(UTC).date().replace(day=1)
