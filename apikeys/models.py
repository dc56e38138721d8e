"""API keys as they are stored."""

import uuid
from dataclasses import dataclass
from typing import Self

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, models, transaction
from django.utils import timezone

from accounts import security_log
from accounts.security_log import Kind
from apikeys.tokens import PREFIX_LENGTH, without_keys

NAME_MAX_LENGTH = 100


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """What a request with a good key is known by."""

    id: uuid.UUID
    owner_id: uuid.UUID
    requests_per_minute: int


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def owned_by(self, owner_id: uuid.UUID) -> Self:
        return self.filter(owner_id=owner_id)

    def active(self) -> Self:
        return self.filter(revoked_at=None)

    def revoke(self) -> int:
        """Revoke those that are active, for good; return how many that were.

        Committed when it returns, outside a transaction: a request that starts later is refused.
        """
        with transaction.atomic():
            # In order of the id, as the recorder of last uses locks them, and against those of
            # another revocation, which would be in the log twice.
            locked = self.active().order_by("id").select_for_update(of=("self",), no_key=True)
            revoked = list(locked)
            self.model.objects.filter(id__in=[api_key.id for api_key in revoked]).update(
                revoked_at=timezone.now()
            )
            for api_key in revoked:
                api_key.log(Kind.API_KEY_REVOKED)
        return len(revoked)


FIND_ACTIVE = """
    SELECT apikey.id, apikey.owner_id, plan.requests_per_minute
    FROM apikeys_apikey apikey
    JOIN accounts_user owner ON owner.id = apikey.owner_id
    JOIN accounts_plan plan ON plan.id = owner.plan_id
    WHERE apikey.digest = %s AND apikey.revoked_at IS NULL AND owner.is_active
"""


def find_active_key(digest: bytes) -> ActiveKey | None:
    """Return the active key with this digest whose owner is active, by one SQL statement.

    Plain SQL, because building this query through the ORM costs several times what running it does,
    on each request. It is a request's first statement and only reads, so it is the place to survive
    a connection that broke while idle: it is tried again, once, on a new one.
    """
    try:
        row = execute_find_active(digest)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        row = execute_find_active(digest)
    return ActiveKey(*row) if row else None


def execute_find_active(digest: bytes) -> tuple[uuid.UUID, uuid.UUID, int] | None:
    connection.health_check_done = True  # type: ignore[attr-defined]  # trying is the check
    with connection.cursor() as cursor:
        cursor.execute(FIND_ACTIVE, [digest])
        row: tuple[uuid.UUID, uuid.UUID, int] | None = cursor.fetchone()
        return row


class ApiKey(models.Model):
    """A key of one account. Its plaintext is not here: only the digest and the prefix are.

    Triggers in the database hold what must never be otherwise: no more active keys than the owner's
    plan allows, revocation is final, and a key never changes hands (migration 0002).
    """

    ACTIVE_CAP = "apikeys_apikey_active_cap"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(max_length=NAME_MAX_LENGTH)
    prefix = models.CharField(max_length=PREFIX_LENGTH, db_index=True, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = "API key"
        verbose_name_plural = "API keys"

    def __str__(self) -> str:
        return self.prefix

    @property
    def name_for_terminals(self) -> str:
        """The name without what a terminal would obey."""
        return "".join(one if one.isprintable() else "?" for one in self.name)

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None

    def log(self, kind: Kind, **details: str) -> None:
        """Add to the owner's security log what happened to this key.

        People may paste a key as a name; the log could never be rid of it.
        """
        details = {"name": self.name, "prefix": self.prefix, **details}
        shown = {name: without_keys(text) for name, text in details.items()}
        security_log.record(self.owner_id, kind, shown)
