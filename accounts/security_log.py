"""Adding to an account's security log.

Callers say what happened. Who did it and from where is known by the request under way, which
accounts.middleware keeps here; without one it was the command line.
"""

import ipaddress
import json
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta

from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Plan, SecurityEvent, User

Kind = SecurityEvent.Kind
Actor = SecurityEvent.Actor

# Anybody can fail to sign in, so anybody could fill the log.
FAILED_SIGN_INS_PER_HOUR = 20
USER_AGENT_LENGTH = 255

request_under_way: ContextVar[HttpRequest | None] = ContextVar("request_under_way", default=None)


def record(  # noqa: PLR0913 (an event has as many sides)
    account_id: uuid.UUID,
    kind: Kind,
    details: Mapping[str, str] | None = None,
    *,
    actor: Actor | None = None,
    request: HttpRequest | None = None,
    at: datetime | None = None,
) -> None:
    """Add an event to the account's log, in the transaction of what it records, if there is one.

    `details` are what the kind's sentence names (accounts.security_sentences); of an API key only
    its name and prefix belong there. `actor` and `request` are for those who know better than the
    request under way, `at` for what did not happen just now.
    """
    request = request or request_under_way.get()
    actor, staff_email = (actor, "") if actor else who(account_id, request)
    SecurityEvent.objects.create(
        account_id=account_id,
        kind=kind,
        actor=actor,
        staff_email=staff_email,
        details=details or {},
        ip_address=ip_address(request),
        user_agent=user_agent(request),
        created_at=at or timezone.now(),
    )


def record_failed_sign_in(
    account_id: uuid.UUID, request: HttpRequest | None, kind: Kind = Kind.SIGN_IN_FAILED
) -> None:
    """Add a failed sign-in, up to FAILED_SIGN_INS_PER_HOUR; a few more when they come at once."""
    recent = SecurityEvent.objects.owned_by(account_id).filter(
        kind=kind, created_at__gt=timezone.now() - timedelta(hours=1)
    )
    if recent.count() < FAILED_SIGN_INS_PER_HOUR:
        record(account_id, kind, actor=Actor.UNKNOWN, request=request)


RECORD_LIMITS_CHANGED = """
    INSERT INTO accounts_securityevent
        (account_id, kind, actor, staff_email, details, ip_address, user_agent, created_at)
    SELECT id, %s, %s, %s, %s, %s, %s, %s FROM accounts_user WHERE plan_id = %s
"""


def record_limits_changed(plan: Plan, changes: str) -> None:
    """Add to the log of every account on the plan that its limits changed, by one statement."""
    request = request_under_way.get()
    actor, staff_email = who(None, request)
    event = [
        *(Kind.LIMITS_CHANGED.value, actor.value, staff_email),
        *(json.dumps({"plan": plan.name, "changes": changes}), ip_address(request)),
        *(user_agent(request), timezone.now(), plan.pk),
    ]
    with connection.cursor() as cursor:
        cursor.execute(RECORD_LIMITS_CHANGED, event)


def who(account_id: uuid.UUID | None, request: HttpRequest | None) -> tuple[Actor, str]:
    """Return who acts on the account, and the address of a member of the staff."""
    if request is None:
        return Actor.COMMAND_LINE, ""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return Actor.UNKNOWN, ""
    if user.pk == account_id:
        return Actor.OWNER, ""
    return (Actor.STAFF, user.email) if user.is_staff else (Actor.UNKNOWN, "")


def ip_address(request: HttpRequest | None) -> str | None:
    """Return the address that the connection comes from; None where it has none."""
    try:
        text = request.META.get("REMOTE_ADDR", "") if request else ""
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def user_agent(request: HttpRequest | None) -> str:
    text = request.META.get("HTTP_USER_AGENT", "") if request else ""
    return "".join(filter(str.isprintable, text))[:USER_AGENT_LENGTH]
