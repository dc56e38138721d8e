"""The monthly messages of an account, reserved before an answer is made."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date

from django.db import DatabaseError, connection
from django.db.models import F
from django.utils import timezone

from chatbots.models import MessageUsage

logger = logging.getLogger(__name__)


class MessageQuotaReached(Exception):
    """The plan's messages of this month are used up."""


# One statement checks and counts, so that no number of calls at once can pass the plan's.
RESERVE = """
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
    RETURNING used
"""


@contextmanager
def reserved_message(owner_id: uuid.UUID) -> Iterator[None]:
    """Count one message while the block runs, for good if it succeeds. Raises MessageQuotaReached.

    A block that fails gives it back to the month that it was taken from. A process that is killed
    in between does not: that message stays counted.
    """
    month = current_month()
    with connection.cursor() as cursor:
        cursor.execute(RESERVE, {"owner": owner_id, "month": month})
        if cursor.fetchone() is None:
            raise MessageQuotaReached
    try:
        yield
    except BaseException:
        give_back(owner_id, month)
        raise


def give_back(owner_id: uuid.UUID, month: date) -> None:
    """Uncount a message; a failure of that is logged and does not hide why it is done."""
    check_connection_again()
    try:
        usage = MessageUsage.objects.filter(owner_id=owner_id, month=month, used__gt=0)
        usage.update(used=F("used") - 1)
    except DatabaseError:
        logger.exception("a message of account %s stays counted, though it failed", owner_id)


def check_connection_again() -> None:
    """Have the next statement see first whether the connection broke during a long wait."""
    connection.health_check_done = False  # type: ignore[attr-defined]


def current_month() -> date:
    """Return the first day of the calendar month in UTC."""
    return timezone.now().astimezone(UTC).date().replace(day=1)
