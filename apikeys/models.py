"""API keys and their calls, as they are stored."""

import uuid
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from apikeys.security_events import API_KEY_EXPIRED, API_KEY_REVOKED
from apikeys.tokens import PREFIX_LENGTH
from securitylog.kinds import Kind
from securitylog.origin import Actor
from securitylog.recording import record

NAME_MAX_LENGTH = 100
# A replaced key that has not been used for this long is no longer needed.
QUIET = timedelta(days=1)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def owned_by(self, owner_id: uuid.UUID) -> Self:
        return self.filter(owner_id=owner_id)

    def active(self) -> Self:
        """Keep the keys that are neither revoked nor expired, by the database's clock."""
        return self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=Now()), revoked_at=None
        )

    def expired_unnoticed(self) -> Self:
        """Keep the keys that ended by expiring, where the security log does not say so yet."""
        return self.filter(
            models.Q(revoked_at=None) | models.Q(revoked_at__gt=models.F("expires_at")),
            expires_at__lte=Now(),
            expiry_logged_at=None,
        )

    def unrevoked(self) -> Self:
        return self.filter(revoked_at=None)

    def with_relatives(self) -> Self:
        return self.select_related("predecessor", "successor")

    def lock(self) -> "list[ApiKey]":
        """Lock these keys until the transaction ends, and return them.

        Deadlocks are avoided by one order: keys are locked by their ids, and a key before the row
        of its owner, which the triggers lock.
        """
        return list(self.order_by("id").select_for_update(of=("self",), no_key=True))

    def revoke(self, kind: Kind = API_KEY_REVOKED) -> int:
        """Revoke the keys that are not revoked yet, log this kind of event; return their number.

        Outside a transaction this is committed when it returns, and requests that start later are
        refused.
        """
        with transaction.atomic():
            revoked = self.unrevoked().lock()
            self.model.objects.filter(id__in=[api_key.id for api_key in revoked]).update(
                revoked_at=timezone.now()
            )
            for api_key in revoked:
                api_key.log(kind)
        return len(revoked)


class ApiKey(models.Model):
    """A key of an account. Its digest and its prefix are stored, never its plaintext.

    Triggers in the database (migration 0002) enforce what must hold whoever writes: an account has
    no more keys, and no more active ones, than its plan allows; a revoked or expired key stays so;
    and a key never changes its owner.
    """

    ACTIVE_CAP = "apikeys_apikey_active_cap"
    TOTAL_CAP = "apikeys_apikey_total_cap"

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
    # Identifies the submitted form, so that submitting it again creates no second key.
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
        """The name without control characters, which a terminal would interpret."""
        return "".join(letter if letter.isprintable() else "?" for letter in self.name)

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
        """The time since which the key is refused; None while it is active."""
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
        """Whether the successor is in use and this key has not been used for QUIET."""
        if self.replacement is None or self.replacement.first_used_at is None:
            return False
        return self.last_used_at is None or self.last_used_at < timezone.now() - QUIET

    def log(self, kind: Kind, **details: str) -> None:
        """Add an event about this key to its owner's security log."""
        record(self.owner_id, kind, self.log_details(**details))

    def log_expiry(self) -> None:
        """Add the expiry of this key to its owner's security log, dated when it happened."""
        record(
            self.owner_id,
            API_KEY_EXPIRED,
            self.log_details(),
            actor=Actor.SERVICE,
            at=self.expires_at,
        )

    def log_details(self, **details: str) -> dict[str, str]:
        return {"name": self.name, "prefix": self.prefix, **details}


class HourlyCalls(models.Model):
    """The number of calls of a key in an hour (UTC) that were answered with the same status.

    `peak` is the highest number of calls that the key's window held at any of them.
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
