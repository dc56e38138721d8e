"""Creating, rotating, changing and revoking keys."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models.expressions import Combinable
from django.db.models.functions import Least, Now

from accounts.models import User
from apikeys import tokens
from apikeys.models import ApiKey
from apikeys.security_events import (
    API_KEY_CREATED,
    API_KEY_EXPIRY_CHANGED,
    API_KEY_RENAMED,
    API_KEY_ROTATED,
)
from core.db import violated_constraint

EXPIRED_AT_ONCE = 1000


CAPS = {
    ApiKey.ACTIVE_CAP: "Maximum {plan.max_active_api_keys} active API keys allowed.",
    ApiKey.TOTAL_CAP: (
        "Maximum {plan.max_api_keys} API keys allowed, revoked and expired ones included."
    ),
}


class KeyCapReached(Exception):
    """The account has as many keys as its plan allows. The text names the cap for the owner."""


class ApiKeyNotFound(Exception):
    """The owner has no key with this id."""


class ApiKeyEnded(Exception):
    """The key cannot be changed: it is revoked or expired, or has a successor already."""


class KeyCreatedAlready(Exception):
    """The request has created a key before, whose plaintext is no longer known."""

    def __init__(self, api_key: ApiKey) -> None:
        super().__init__(api_key)
        self.api_key = api_key


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key with its token, which holds the plaintext."""

    api_key: ApiKey
    token: tokens.Token


def create_api_key(
    owner: User,
    name: str,
    *,
    expires_at: datetime | None = None,
    request_id: uuid.UUID | None = None,
    predecessor: ApiKey | None = None,
) -> CreatedKey:
    """Create an active key. Raises KeyCapReached; the database enforces the caps, without races.

    Raises KeyCreatedAlready where the owner has a key with the same `request_id`.
    """
    token = tokens.generate()
    try:
        with transaction.atomic():
            api_key = ApiKey.objects.create(
                owner=owner,
                name=name,
                prefix=token.prefix,
                digest=token.digest,
                expires_at=expires_at,
                request_id=request_id,
                predecessor=predecessor,
            )
            api_key.log(API_KEY_CREATED)
    except IntegrityError as error:
        refuse_repetition(owner, request_id)
        cap = CAPS.get(violated_constraint(error) or "")
        if cap is None:
            raise
        owner.refresh_from_db(fields=["plan"])
        raise KeyCapReached(cap.format(plan=owner.plan)) from None
    return CreatedKey(api_key, token)


def rotate_api_key(
    owner: User,
    key_id: uuid.UUID,
    *,
    grace: timedelta,
    expires_at: datetime | None = None,
    request_id: uuid.UUID | None = None,
) -> CreatedKey:
    """Create the key's successor, and let the key itself expire after the grace.

    Without grace the key expires in the same transaction, so that this works at the cap on active
    keys too. Raises KeyCapReached, ApiKeyEnded or KeyCreatedAlready; then nothing has changed.
    """
    keys = ApiKey.objects.owned_by(owner.id).filter(id=key_id)
    with transaction.atomic():
        keys.lock()
        refuse_repetition(owner, request_id)
        old = keys.active().filter(successor=None).first()
        if old is None:
            raise ApiKeyEnded
        move_expiry(old, Least("expires_at", Now() + grace))
        created = create_api_key(
            owner, old.name, expires_at=expires_at, request_id=request_id, predecessor=old
        )
        old.log(API_KEY_ROTATED, successor=created.api_key.prefix)
    return created


def change_expiry(owner_id: uuid.UUID, key_id: uuid.UUID, expires_at: datetime | None) -> None:
    """Set when the owner's active key expires, with None for never. Raises ApiKeyEnded."""
    keys = ApiKey.objects.owned_by(owner_id).filter(id=key_id)
    with transaction.atomic():
        keys.lock()
        api_key = keys.active().first()
        if api_key is None:
            raise ApiKeyEnded
        before = api_key.expires_at
        if before != expires_at:
            move_expiry(api_key, expires_at)
            api_key.log(
                API_KEY_EXPIRY_CHANGED, before=expiry_text(before), after=expiry_text(expires_at)
            )


def move_expiry(api_key: ApiKey, expires_at: datetime | Combinable | None) -> None:
    """Store a new expiry. Raises ApiKeyEnded where the key has expired in the meantime."""
    try:
        ApiKey.objects.filter(id=api_key.id).update(expires_at=expires_at)
    except IntegrityError:  # from the trigger, the only constraint on this column
        raise ApiKeyEnded from None
    api_key.refresh_from_db(fields=["expires_at"])


def expiry_text(expires_at: datetime | None) -> str:
    return f"{expires_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if expires_at else "never"


def rename_api_key(owner_id: uuid.UUID, key_id: uuid.UUID, name: str) -> None:
    """Rename the owner's key. Raises ApiKey.DoesNotExist."""
    keys = ApiKey.objects.owned_by(owner_id).filter(id=key_id)
    with transaction.atomic():
        keys.lock()
        api_key = keys.get()
        before, api_key.name = api_key.name, name
        if before != name:
            api_key.save(update_fields=["name"])
            api_key.log(API_KEY_RENAMED, before=before)


def log_expired_keys() -> int:
    """Add the keys that have expired since the last call to their owners' security logs.

    Return how many these are: EXPIRED_AT_ONCE at most, so that more may be left then. Keys that
    another process is logging are skipped, so that each is logged once.
    """
    with transaction.atomic():
        expired = ApiKey.objects.expired_unnoticed().select_for_update(
            of=("self",), no_key=True, skip_locked=True
        )
        api_keys = list(expired[:EXPIRED_AT_ONCE])
        for api_key in api_keys:
            api_key.log_expiry()
        ids = [api_key.id for api_key in api_keys]
        ApiKey.objects.filter(id__in=ids).update(expiry_logged_at=Now())
    return len(api_keys)


def revoke_api_key(owner_id: uuid.UUID, key_id: str) -> ApiKey:
    """Revoke the owner's key, if it is not revoked yet. Raises ApiKeyNotFound.

    Requests with the key that start after this returns are refused, by every process.
    """
    try:
        keys = ApiKey.objects.owned_by(owner_id).filter(id=uuid.UUID(key_id))
        keys.revoke()
        return keys.get()
    except (ValueError, ApiKey.DoesNotExist):
        raise ApiKeyNotFound from None


def refuse_repetition(owner: User, request_id: uuid.UUID | None) -> None:
    """Raise KeyCreatedAlready where the request has created a key of the owner."""
    if request_id is None:
        return
    api_key = ApiKey.objects.owned_by(owner.id).filter(request_id=request_id).first()
    if api_key is not None:
        raise KeyCreatedAlready(api_key)
