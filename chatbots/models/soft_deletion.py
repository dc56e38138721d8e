"""Rows that are marked as deleted and can be restored."""

from datetime import timedelta
from typing import Any, Self

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

# How long an owner can restore what was deleted.
DELETED_KEPT = timedelta(days=30)


class SoftDeletableQuerySet(models.QuerySet[Any]):
    def alive(self) -> Self:
        return self.filter(deleted_at=None)

    def restorable(self) -> Self:
        """Return the rows that were deleted so recently that their owner can restore them."""
        return self.filter(deleted_at__gt=Now() - DELETED_KEPT)

    def purgeable(self) -> Self:
        """Return the rows that were deleted so long ago that chatbots.jobs removes them."""
        return self.filter(deleted_at__lte=Now() - DELETED_KEPT)

    def soft_delete(self) -> int:
        return self.alive().update(deleted_at=timezone.now())

    def restore(self) -> int:
        return self.restorable().update(deleted_at=None)
