"""Finding the key that a request carries; every call to the API passes through here."""

import uuid
from dataclasses import dataclass

from django.http import HttpRequest

from core.statements import Statement
from ratelimit.limits import Decision, Limit


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """What the service needs to know of an active key to answer a request."""

    id: uuid.UUID
    owner_id: uuid.UUID
    requests_per_minute: int


def window_of(key_id: uuid.UUID, requests_per_minute: int) -> tuple[str, Limit]:
    """Return the limiter's subject for a key, and the key's limit."""
    return str(key_id), Limit(requests_per_minute)


@dataclass(frozen=True, slots=True)
class EndedKey:
    """A revoked or expired key. Its caller cannot tell it from an unknown one."""

    id: uuid.UUID


class KeyRequest(HttpRequest):
    """A request with an active key, which ApiKeyMiddleware and the limiter have let through.

    Ninja sets `auth` on the requests of operations.
    """

    api_key: ActiveKey
    auth: ActiveKey
    rate_limit: Decision


def identify(request: HttpRequest) -> tuple[str, Limit] | None:
    """Return the limiter's subject and limit for a request; None for a request without a key."""
    api_key: ActiveKey | None = getattr(request, "api_key", None)
    if api_key is None:
        return None
    return window_of(api_key.id, api_key.requests_per_minute)


FALSE = b"\0"  # in PostgreSQL's binary format
FIND = Statement(
    "find_key",
    """
    SELECT
        apikey.id,
        apikey.owner_id,
        plan.requests_per_minute,
        apikey.revoked_at IS NULL
            AND (apikey.expires_at IS NULL OR apikey.expires_at > statement_timestamp())
    FROM apikeys_apikey apikey
    JOIN accounts_user owner ON owner.id = apikey.owner_id
    JOIN accounts_plan plan ON plan.id = owner.plan_id
    WHERE apikey.digest = $1 AND owner.is_active
    """,
)


def find_key(digest: bytes) -> ActiveKey | EndedKey | None:
    """Return the key with this digest; None where there is none or its owner is deactivated.

    Only an ActiveKey authenticates a request; an EndedKey is returned so that attempts with it can
    be counted.

    This is plain SQL because building the query with the ORM takes several times as long as running
    it.
    """
    row = FIND.fetch(digest)
    if row is None:
        return None
    key_id, owner_id, requests_per_minute, is_active = row
    if is_active == FALSE:
        return EndedKey(uuid.UUID(bytes=key_id))
    return ActiveKey(
        uuid.UUID(bytes=key_id), uuid.UUID(bytes=owner_id), int.from_bytes(requests_per_minute)
    )
