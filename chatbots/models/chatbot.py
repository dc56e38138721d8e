"""Chatbots and their settings."""

import uuid
from collections.abc import Iterator
from itertools import count
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.text import slugify

from chatbots.models.soft_deletion import SoftDeletableQuerySet

NAME_MAX_LENGTH = 100
FALLBACK_MESSAGE = "I'm sorry, I don't have an answer to that."


class ChatbotQuerySet(SoftDeletableQuerySet, models.QuerySet["Chatbot"]):
    def owned_by(self, owner_id: uuid.UUID) -> Self:
        """Return the owner's chatbots. API and dashboard reach chatbots by this method only."""
        return self.alive().filter(owner_id=owner_id)

    def deleted_by(self, owner_id: uuid.UUID) -> Self:
        """Return the chatbots that the owner has deleted and can restore."""
        return self.restorable().filter(owner_id=owner_id)

    def with_source_counts(self) -> Self:
        counted = self.annotate(
            source_count=models.Count("sources", filter=models.Q(sources__deleted_at=None))
        )
        return counted.order_by("created_at", "id")  # grouping drops the model's own order


class Chatbot(models.Model):
    source_count: int  # as ChatbotQuerySet.with_source_counts has it

    SLUG_IS_TAKEN = "chatbots_chatbot_slug"

    class Provider(models.TextChoices):
        BUILTIN = "builtin", "Built-in"
        CHATGPT = "chatgpt", "ChatGPT"
        GEMINI = "gemini", "Gemini"
        OLLAMA = "ollama", "Ollama"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chatbots"
    )
    name = models.CharField(max_length=NAME_MAX_LENGTH)
    slug = models.SlugField(max_length=NAME_MAX_LENGTH + 10, editable=False)
    provider = models.CharField(max_length=20, choices=Provider, default=Provider.BUILTIN)
    system_prompt = models.TextField(blank=True)
    fallback_message = models.TextField(default=FALLBACK_MESSAGE)
    threshold_shift = models.FloatField(
        default=0.0, help_text="Added to the confidence that an answer takes."
    )
    is_active = models.BooleanField(default=True, help_text="Off: paused by the owner.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = ChatbotQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.UniqueConstraint(fields=["owner", "slug"], name="chatbots_chatbot_slug"),
        )
        indexes = (models.Index(fields=["owner", "created_at", "id"], name="chatbots_of_owner"),)

    def __str__(self) -> str:
        return self.name

    def change(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)
        self.save(update_fields=fields)

    def slug_candidates(self) -> Iterator[str]:
        """Yield slugs made from the name, endlessly: `shop`, `shop-2`, `shop-3`, …"""
        stem = slugify(self.name)[:NAME_MAX_LENGTH] or "chatbot"
        yield stem
        for number in count(2):
            yield f"{stem}-{number}"
