"""Adding events to an account's security log. Callers say what happened; `origin` finds out who."""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Plan
from core.redaction import redact
from securitylog.kinds import Kind
from securitylog.models import SecurityEvent
from securitylog.origin import Actor, find_origin
from securitylog.security_events import LIMITS_CHANGED, SIGN_IN_FAILED

# Anybody can cause failed sign-ins, and could fill the log of an account without this limit.
FAILED_SIGN_INS_PER_HOUR = 20


def record(  # noqa: PLR0913 (an event has as many attributes)
    account_id: uuid.UUID,
    kind: Kind,
    details: Mapping[str, str] | None = None,
    *,
    actor: Actor | None = None,
    request: HttpRequest | None = None,
    at: datetime | None = None,
) -> None:
    """Add an event to the account's log, in the caller's transaction if there is one.

    `details` are the values for the placeholders of the kind's sentence. Of an API key they hold
    name and prefix only; what people paste as a name is redacted, since nobody can remove it later.
    `actor` and `request` override the current origin, and `at` the current time.
    """
    origin = find_origin(account_id, request)
    SecurityEvent.objects.create(
        account_id=account_id,
        kind=kind,
        actor=actor or origin.actor,
        staff_email="" if actor else origin.staff_email,
        details=redacted(details or {}),
        ip_address=origin.ip_address,
        user_agent=origin.user_agent,
        created_at=at or timezone.now(),
    )


def redacted(details: Mapping[str, str]) -> dict[str, str]:
    return {name: redact(text) for name, text in details.items()}


def record_failed_sign_in(
    account_id: uuid.UUID, request: HttpRequest | None, kind: Kind = SIGN_IN_FAILED
) -> None:
    """Add a failed sign-in, up to FAILED_SIGN_INS_PER_HOUR; concurrent ones may exceed that."""
    recent = SecurityEvent.objects.owned_by(account_id).filter(
        kind=kind, created_at__gt=timezone.now() - timedelta(hours=1)
    )
    if recent.count() < FAILED_SIGN_INS_PER_HOUR:
        record(account_id, kind, actor=Actor.UNKNOWN, request=request)


RECORD_LIMITS_CHANGED = """
    INSERT INTO securitylog_securityevent
        (account_id, kind, actor, staff_email, details, ip_address, user_agent, created_at)
    SELECT id, %s, %s, %s, %s, %s, %s, %s FROM accounts_user WHERE plan_id = %s
"""


def record_limits_changed(plan: Plan, changes: str) -> None:
    """Add the change of a plan's limits to the log of every account on it, in one statement."""
    origin = find_origin(None)
    event = [
        *(str(LIMITS_CHANGED), origin.actor.value, origin.staff_email),
        *(json.dumps(redacted({"plan": plan.name, "changes": changes})), origin.ip_address),
        *(origin.user_agent, timezone.now(), plan.pk),
    ]
    with connection.cursor() as cursor:
        cursor.execute(RECORD_LIMITS_CHANGED, event)
