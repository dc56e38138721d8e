"""Sources, which chatbots answer from."""

import uuid
from typing import Self

from django.db import models
from django.utils import timezone

from chatbots.models.chatbot import Chatbot
from chatbots.models.soft_deletion import SoftDeletableQuerySet

TITLE_MAX_LENGTH = 200
URL_MAX_LENGTH = 2000


class SourceQuerySet(SoftDeletableQuerySet, models.QuerySet["Source"]):
    def purgeable(self) -> Self:
        """Return the sources to remove, whether they or their chatbots were deleted."""
        return super().purgeable() | self.filter(chatbot__in=Chatbot.objects.purgeable())

    def listed(self) -> Self:
        """Return the sources that are not deleted, without their texts, which may be long."""
        return self.alive().defer("text")

    def editable(self) -> Self:
        """Return the sources that the owner wrote in the dashboard and can rewrite there."""
        return self.alive().filter(type__in=Source.EDITABLE)


def stored_name(source: "Source", _: str) -> str:
    """Return what a file is stored as, which tells nothing of what it is called."""
    return f"sources/{source.id}"


class Source(models.Model):
    class Type(models.TextChoices):
        URL = "url", "Website"
        FILE = "file", "File"
        TEXT = "text", "Text"
        QA = "qa", "Question and answer"

    EDITABLE = (Type.TEXT, Type.QA)
    SYNCED = (Type.URL, Type.FILE)  # read in the background

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        CRAWLING = "crawling", "Crawling"
        PROCESSING = "processing", "Processing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    BUSY = (Status.PENDING, Status.CRAWLING, Status.PROCESSING)

    class Resync(models.TextChoices):
        NEVER = "never", "Never"
        DAILY = "daily", "Daily"
        WEEKLY = "weekly", "Weekly"
        MONTHLY = "monthly", "Monthly"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="sources")
    type = models.CharField(max_length=20, choices=Type)
    title = models.CharField(
        max_length=TITLE_MAX_LENGTH,
        blank=True,
        help_text="Of a question and answer: the question.",
    )
    text = models.TextField(blank=True, help_text="As the owner wrote it.")
    url = models.URLField(max_length=URL_MAX_LENGTH, blank=True)
    is_site = models.BooleanField(default=False, help_text="Off: only the page at the address.")
    file = models.FileField(max_length=200, upload_to=stored_name, blank=True)
    file_name = models.CharField(max_length=200, blank=True, help_text="As its owner calls it.")
    language = models.CharField(max_length=10, blank=True, help_text="Blank: as it is detected.")
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    failure = models.TextField(blank=True, help_text="Why it failed, as its owner is told.")
    page_count = models.PositiveIntegerField(default=0)
    resync = models.CharField(max_length=10, choices=Resync, default=Resync.NEVER)
    synced_at = models.DateTimeField(null=True, editable=False)
    next_sync_at = models.DateTimeField(null=True, editable=False)
    sync_started_at = models.DateTimeField(
        null=True, editable=False, help_text="Blank: none is under way."
    )
    cancel_requested_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = SourceQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(
                fields=["chatbot"],
                condition=models.Q(deleted_at__isnull=False),
                name="chatbots_source_deleted",
            ),
        )

    def __str__(self) -> str:
        return self.title or "Untitled"

    @property
    def is_busy(self) -> bool:
        """Whether it is about to be read, or is being read."""
        return self.status in self.BUSY

    @property
    def is_editable(self) -> bool:
        return self.type in self.EDITABLE
