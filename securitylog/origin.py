"""Who acts and from where: the origin to which security events are attributed.

SecurityLogMiddleware sets it for requests and manage.py for commands. Everything else is the work
of the service itself: a job, or a background thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple
from uuid import UUID

from django.db import models
from django.http import HttpRequest

from core.http import client_address
from core.redaction import redact

USER_AGENT_LENGTH = 255


class Actor(models.TextChoices):
    OWNER = "owner", "Account owner"
    STAFF = "staff", "InsiteChat staff"
    API_KEY = "api_key", "A program with an API key"
    COMMAND_LINE = "command_line", "Command line on the server"
    SERVICE = "service", "InsiteChat"
    UNKNOWN = "unknown", "Someone who was not signed in"


class Origin(NamedTuple):
    """Who acts and from where; `staff_email` is shown to staff only."""

    actor: Actor
    staff_email: str = ""
    ip_address: str | None = None
    user_agent: str = ""


_current: ContextVar[HttpRequest | Actor] = ContextVar("current_actor", default=Actor.SERVICE)


@contextmanager
def acting(source: HttpRequest | Actor) -> Iterator[None]:
    """Attribute the events recorded inside the block to a request or, without one, to an actor."""
    token = _current.set(source)
    try:
        yield
    finally:
        _current.reset(token)


def find_origin(account_id: UUID | None, request: HttpRequest | None = None) -> Origin:
    """Return who acts on the account: the sender of the request, or else whom `acting` named."""
    source = request or _current.get()
    if isinstance(source, Actor):
        return Origin(source)
    actor, staff_email = find_actor(account_id, source)
    return Origin(actor, staff_email, client_address(source), user_agent(source))


def find_actor(account_id: UUID | None, request: HttpRequest) -> tuple[Actor, str]:
    if hasattr(request, "api_key"):
        return Actor.API_KEY, ""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Actor.UNKNOWN, ""
    if user.pk == account_id:
        return Actor.OWNER, ""
    return (Actor.STAFF, user.email) if user.is_staff else (Actor.UNKNOWN, "")


def user_agent(request: HttpRequest) -> str:
    text = redact(request.META.get("HTTP_USER_AGENT", ""))
    return "".join(filter(str.isprintable, text))[:USER_AGENT_LENGTH]
