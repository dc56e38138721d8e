"""Creating, rotating, changing and revoking keys."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import psycopg
from django.db import IntegrityError, transaction
from django.db.models.functions import Least, Now

from accounts.models import User
from accounts.security_log import Kind
from apikeys import tokens
from apikeys.models import ApiKey

EXPIRED_AT_ONCE = 1000


class KeyCapReached(Exception):
    """The account has as many active keys as its plan allows."""

    def __init__(self, cap: int) -> None:
        super().__init__(cap)
        self.cap = cap


class ApiKeyNotFound(Exception):
    """There is no such key among the owner's."""


class ApiKeyEnded(Exception):
    """The key is revoked or expired, or has a successor already: it stays as it is."""


class KeyCreatedAlready(Exception):
    """The same request has made a key before; its plaintext is gone."""

    def __init__(self, api_key: ApiKey) -> None:
        super().__init__(api_key)
        self.api_key = api_key


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key and, this once, the token that holds its plaintext."""

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
    """Make an active key. Raises KeyCapReached; the database decides, so no two calls can race.

    One request_id makes one key of its owner, ever: again raises KeyCreatedAlready.
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
            api_key.log(Kind.API_KEY_CREATED)
    except IntegrityError as error:
        refuse_repetition(owner, request_id)
        if violated_constraint(error) != ApiKey.ACTIVE_CAP:
            raise
        owner.refresh_from_db(fields=["plan"])
        raise KeyCapReached(owner.plan.max_active_api_keys) from None
    return CreatedKey(api_key, token)


def rotate_api_key(
    owner: User,
    key_id: uuid.UUID,
    *,
    grace: timedelta,
    expires_at: datetime | None = None,
    request_id: uuid.UUID | None = None,
) -> CreatedKey:
    """Make the key's successor; the key itself goes on for the grace, then it is expired.

    Without grace the key ends as its successor begins, in one transaction, which needs no free
    place under the cap. Raises KeyCapReached, ApiKeyEnded, KeyCreatedAlready; then nothing changes.
    """
    with transaction.atomic():
        lock(owner)
        refuse_repetition(owner, request_id)
        key = ApiKey.objects.owned_by(owner.id).filter(id=key_id)
        going = key.active().filter(successor=None)
        if not going.update(expires_at=Least("expires_at", Now() + grace)):
            raise ApiKeyEnded
        old = key.get()
        created = create_api_key(
            owner, old.name, expires_at=expires_at, request_id=request_id, predecessor=old
        )
        old.log(Kind.API_KEY_ROTATED, successor=created.api_key.prefix)
    return created


def change_expiry(owner: User, key_id: uuid.UUID, expires_at: datetime | None) -> None:
    """Set when the key ends, None for never. Raises ApiKeyEnded: what has ended stays so."""
    try:
        with transaction.atomic():
            lock(owner)
            mine = ApiKey.objects.owned_by(owner.id).active().filter(id=key_id)
            if not mine.update(expires_at=expires_at):
                raise ApiKeyEnded
    except IntegrityError as error:
        if violated_constraint(error) != ApiKey.FINAL:
            raise
        raise ApiKeyEnded from None


def rename_api_key(owner_id: uuid.UUID, key_id: uuid.UUID, name: str) -> None:
    with transaction.atomic():
        mine = ApiKey.objects.owned_by(owner_id).select_for_update(of=("self",), no_key=True)
        api_key = mine.get(id=key_id)
        before, api_key.name = api_key.name, name
        if before != name:
            api_key.save(update_fields=["name"])
            api_key.log(Kind.API_KEY_RENAMED, before=before)


def log_expired_keys() -> None:
    """Add to the security logs the keys that have expired since the last time, each once."""
    with transaction.atomic():
        some = ApiKey.objects.expired_unnoticed().select_for_update(
            of=("self",), no_key=True, skip_locked=True
        )[:EXPIRED_AT_ONCE]
        expired = list(some)
        for api_key in expired:
            api_key.log_expiry()
        ids = [api_key.id for api_key in expired]
        ApiKey.objects.filter(id__in=ids).update(expiry_logged_at=Now())


def lock(owner: User) -> None:
    """Queue behind whatever else changes how many keys of the owner work.

    The triggers lock the same row; to have it before any key's row keeps deadlocks away.
    """
    User.objects.select_for_update(no_key=True).get(id=owner.id)


def revoke_api_key(owner_id: uuid.UUID, key_id: str) -> ApiKey:
    """Revoke the owner's key for good; again is no error. Raises ApiKeyNotFound for any other id.

    A request that starts after this returns is refused, in any process on any machine.
    """
    try:
        mine = ApiKey.objects.owned_by(owner_id).filter(id=uuid.UUID(key_id))
        mine.revoke()
        return mine.get()
    except (ValueError, ApiKey.DoesNotExist):
        raise ApiKeyNotFound from None


def refuse_repetition(owner: User, request_id: uuid.UUID | None) -> None:
    """Raise KeyCreatedAlready where the owner has a key of this request."""
    if request_id is None:
        return
    made = ApiKey.objects.owned_by(owner.id).filter(request_id=request_id).first()
    if made is not None:
        raise KeyCreatedAlready(made)


def violated_constraint(error: IntegrityError) -> str | None:
    cause = cast(psycopg.Error, error.__cause__)
    return cause.diag.constraint_name
