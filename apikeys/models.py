"""API keys as they are stored."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts import security_log
from accounts.security_log import Actor, Kind
from accounts.statements import Statement
from apikeys.tokens import PREFIX_LENGTH, without_keys
from ratelimit.limits import Limit

NAME_MAX_LENGTH = 100
# A replaced key that was silent for this long, while its successor is in use, is not missed.
QUIET = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """What a request with a good key is known by."""

    id: uuid.UUID
    owner_id: uuid.UUID
    requests_per_minute: int


def window_of(key_id: uuid.UUID, requests_per_minute: int) -> tuple[str, Limit]:
    """Return what the limiter knows a key by, and the key's limit."""
    return str(key_id), Limit(requests_per_minute)


@dataclass(frozen=True, slots=True)
class EndedKey:
    """A key that was good once: revoked or expired. To its caller it is any unknown key."""

    id: uuid.UUID


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def owned_by(self, owner_id: uuid.UUID) -> Self:
        return self.filter(owner_id=owner_id)

    def active(self) -> Self:
        """Keep those that work: neither revoked nor expired, by the database's clock."""
        return self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=Now()), revoked_at=None
        )

    def expired_unnoticed(self) -> Self:
        """Keep those that have ended by their expiry, which is not in the security log yet."""
        return self.filter(
            models.Q(revoked_at=None) | models.Q(revoked_at__gt=models.F("expires_at")),
            expires_at__lte=Now(),
            expiry_logged_at=None,
        )

    def unrevoked(self) -> Self:
        return self.filter(revoked_at=None)

    def with_relatives(self) -> Self:
        return self.select_related("predecessor", "successor")

    def revoke(self) -> int:
        """Revoke those that are not yet revoked, for good; return how many that were.

        Committed when it returns, outside a transaction: a request that starts later is refused.
        """
        with transaction.atomic():
            # In order of the id, as the recorder of last uses locks them, and against those of
            # another revocation, which would be in the log twice.
            locked = self.unrevoked().order_by("id").select_for_update(of=("self",), no_key=True)
            revoked = list(locked)
            self.model.objects.filter(id__in=[api_key.id for api_key in revoked]).update(
                revoked_at=timezone.now()
            )
            for api_key in revoked:
                api_key.log(Kind.API_KEY_REVOKED)
        return len(revoked)


FALSE = b"\0"  # as PostgreSQL sends it
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
    """Return the key with this digest whose owner is active, by one SQL statement.

    Only an ActiveKey may pass; an EndedKey is for counting the attempt.

    Plain SQL, because building this query through the ORM costs several times what running it does,
    on each request. It is a request's first statement and only reads, so it is the place to survive
    a connection that broke while idle: it is tried again, once, on a new one.
    """
    try:
        row = FIND.fetch(digest)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        row = FIND.fetch(digest)
    if row is None:
        return None
    key_id, owner_id, requests_per_minute, works = row
    if works == FALSE:
        return EndedKey(uuid.UUID(bytes=key_id))
    return ActiveKey(
        uuid.UUID(bytes=key_id), uuid.UUID(bytes=owner_id), int.from_bytes(requests_per_minute)
    )


class ApiKey(models.Model):
    """A key of one account. Its plaintext is not here: only the digest and the prefix are.

    Triggers in the database hold what must never be otherwise: no more working keys than the
    owner's plan allows, revocation and a passed expiry are final, and a key never changes hands
    (migrations 0002 and 0003).
    """

    ACTIVE_CAP = "apikeys_apikey_active_cap"
    FINAL = "apikeys_apikey_final"

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
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    first_used_at = models.DateTimeField(null=True, editable=False)
    rejected_count = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)
    last_rejected_at = models.DateTimeField(null=True, editable=False)
    predecessor = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, related_name="successor", editable=False
    )
    expiry_logged_at = models.DateTimeField(null=True, editable=False)
    # Names the form that asked for the key, so that sending it again makes no other.
    request_id = models.UUIDField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        constraints = (
            models.UniqueConstraint(
                fields=["owner", "request_id"], name="apikeys_apikey_once_per_request"
            ),
        )
        indexes = (
            models.Index(
                fields=["expires_at"],
                condition=models.Q(expires_at__isnull=False, expiry_logged_at=None),
                name="apikeys_apikey_expiry_to_log",
            ),
        )

    def __str__(self) -> str:
        return self.prefix

    @property
    def name_for_terminals(self) -> str:
        """The name without what a terminal would obey."""
        return "".join(one if one.isprintable() else "?" for one in self.name)

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None and not self.is_expired

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def state(self) -> str:
        if self.revoked_at is not None:
            return "Revoked"
        return "Expired" if self.is_expired else "Active"

    @property
    def ended_at(self) -> datetime | None:
        """The moment since when the key is refused; None while it works."""
        ends = [self.revoked_at, self.expires_at if self.is_expired else None]
        return min(filter(None, ends), default=None)

    @property
    def replacement(self) -> "ApiKey | None":
        return getattr(self, "successor", None)

    @property
    def may_rotate(self) -> bool:
        return self.is_active and self.replacement is None

    @property
    def is_safe_to_retire(self) -> bool:
        """Whether the successor has taken over: it is in use, and this key is silent."""
        if self.replacement is None or self.replacement.first_used_at is None:
            return False
        return self.last_used_at is None or self.last_used_at < timezone.now() - QUIET

    def log(self, kind: Kind, **details: str) -> None:
        """Add to the owner's security log what somebody did to this key."""
        security_log.record(self.owner_id, kind, self.described(**details))

    def log_expiry(self) -> None:
        """Add to the owner's security log that this key has expired, and when."""
        security_log.record(
            self.owner_id,
            Kind.API_KEY_EXPIRED,
            self.described(),
            actor=Actor.SERVICE,
            at=self.expires_at,
        )

    def described(self, **details: str) -> dict[str, str]:
        """Return what the security log may know of this key.

        People may paste a key as a name; the log could never be rid of it.
        """
        details = {"name": self.name, "prefix": self.prefix, **details}
        return {name: without_keys(text) for name, text in details.items()}


class HourlyCalls(models.Model):
    """How many calls of a key were answered with one status in one hour of the clock, in UTC.

    `peak` is the most that the key's window held at any of these calls, itself included.
    """

    pk = models.CompositePrimaryKey("api_key", "hour", "status")
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, related_name="hourly_calls", db_index=False
    )
    hour = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    count = models.PositiveBigIntegerField()
    peak = models.PositiveIntegerField()

    class Meta:
        indexes = (models.Index(fields=["hour"], name="apikeys_hourlycalls_by_age"),)

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}:00 {self.status}: {self.count}"
