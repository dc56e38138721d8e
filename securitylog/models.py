"""The stored security log."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.devices import device
from securitylog import kinds
from securitylog.origin import Actor


class SecurityEventQuerySet(models.QuerySet["SecurityEvent"]):
    def owned_by(self, account_id: uuid.UUID) -> Self:
        return self.filter(account_id=account_id)


class SecurityEvent(models.Model):
    """Something that happened to an account's security: what, by whom, when and from where.

    Rows are added by securitylog.recording. Triggers in the database reject every change, and
    every deletion but that of the whole account.
    """

    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        related_name="security_events",
        # The constraint is created in SQL by a migration; it deletes events with their account.
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
    )
    kind = models.CharField(max_length=30, choices=kinds.choices)
    actor = models.CharField(max_length=20, choices=Actor)
    staff_email = models.EmailField(
        blank=True, help_text="The member of staff who acted; shown to staff only."
    )
    details = models.JSONField(
        default=dict, help_text="Values for the placeholders of the kind's sentence."
    )
    ip_address = models.GenericIPAddressField("IP address", null=True)
    user_agent = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = SecurityEventQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=["account", "-created_at", "-id"], name="securitylog_event_newest"),
        )
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def sentence(self) -> str:
        return kinds.describe(self.kind, self.details)

    @property
    def device(self) -> str:
        return device(self.user_agent)

    @property
    def place(self) -> str:
        """Return a place such as “192.0.2.7, Firefox on Linux”; empty if nothing is known."""
        return ", ".join(filter(None, (self.ip_address, self.device)))
