"""Files with an account's own data, made by the worker and fetched by the owner."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

EXPORT_KEPT = timedelta(days=1)


class DataExportQuerySet(models.QuerySet["DataExport"]):
    def current(self) -> Self:
        return self.filter(requested_at__gt=timezone.now() - EXPORT_KEPT)

    def expired(self) -> Self:
        return self.filter(requested_at__lte=timezone.now() - EXPORT_KEPT)


class DataExport(models.Model):
    """The one file that an account may have at a time; it is there once it is finished."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="data_export"
    )
    requested_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    size = models.PositiveBigIntegerField(default=0, help_text="In bytes.")

    objects = DataExportQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"export {self.pk}"

    @property
    def expires_at(self) -> datetime:
        return self.requested_at + EXPORT_KEPT

    def content(self) -> Iterator[bytes]:
        """Yield the file part by part, by a query each."""
        parts = ExportPart.objects.filter(export=self).order_by("position")
        for pk in parts.values_list("pk", flat=True):
            yield bytes(ExportPart.objects.get(pk=pk).data)


class ExportPart(models.Model):
    export = models.ForeignKey(DataExport, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["export", "position"], name="operations_exportpart_position"
            ),
        )

    def __str__(self) -> str:
        return f"{self.export_id}#{self.position}"
