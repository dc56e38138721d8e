"""Hosts that sites are read from, and when each may be asked again."""

from typing import Self

from django.db import models
from django.utils import timezone

HOST_MAX_LENGTH = 255


class CrawledHostQuerySet(models.QuerySet["CrawledHost"]):
    def idle(self) -> Self:
        """Return those that may be asked at once, as they could be without their rows."""
        return self.filter(next_turn_at__lt=timezone.now())


class CrawledHost(models.Model):
    name = models.CharField(primary_key=True, max_length=HOST_MAX_LENGTH)
    next_turn_at = models.DateTimeField()

    objects = CrawledHostQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} from {self.next_turn_at:%Y-%m-%d %H:%M:%S}"
