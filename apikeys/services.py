"""Creating and revoking keys."""

import uuid
from dataclasses import dataclass
from typing import cast

import psycopg
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.security_log import Kind
from apikeys import tokens
from apikeys.models import ApiKey


class KeyCapReached(Exception):
    """The account has as many active keys as its plan allows."""

    def __init__(self, cap: int) -> None:
        super().__init__(cap)
        self.cap = cap


class ApiKeyNotFound(Exception):
    """There is no such key among the owner's."""


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key and, this once, the token that holds its plaintext."""

    api_key: ApiKey
    token: tokens.Token


def create_api_key(owner: User, name: str) -> CreatedKey:
    """Make an active key. Raises KeyCapReached; the database decides, so no two calls can race."""
    token = tokens.generate()
    try:
        with transaction.atomic():
            api_key = ApiKey.objects.create(
                owner=owner, name=name, prefix=token.prefix, digest=token.digest
            )
            api_key.log(Kind.API_KEY_CREATED)
    except IntegrityError as error:
        if violated_constraint(error) != ApiKey.ACTIVE_CAP:
            raise
        owner.refresh_from_db(fields=["plan"])
        raise KeyCapReached(owner.plan.max_active_api_keys) from None
    return CreatedKey(api_key, token)


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


def violated_constraint(error: IntegrityError) -> str | None:
    cause = cast(psycopg.Error, error.__cause__)
    return cause.diag.constraint_name
