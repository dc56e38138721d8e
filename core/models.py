"""Mails that wait to be sent."""

from typing import Any

from django.db import models
from django.utils import timezone


class QueuedMail(models.Model):
    """A mail that is not yet sent. Mails contain reset links, so they are deleted once sent."""

    content = models.JSONField[dict[str, Any], dict[str, Any]](help_text="Only for core.mail.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=["created_at"], name="core_queuedmail_by_age"),)

    def __str__(self) -> str:
        return f"mail {self.pk}"
