"""Chatbots, what they were trained on, and what was said to them."""

import uuid
from collections.abc import Iterator
from itertools import count
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.utils import timezone
from django.utils.text import slugify

from accounts.statements import Statement

# Titles and texts are searched in this PostgreSQL text search configuration.
SEARCH_CONFIG = "english"
NAME_MAX_LENGTH = 100
TITLE_MAX_LENGTH = 200
MESSAGE_MAX_LENGTH = 8000
FALLBACK_MESSAGE = "I'm sorry, I don't have an answer to that."


class SoftDeletableQuerySet(models.QuerySet[Any]):
    def alive(self) -> Self:
        return self.filter(deleted_at=None)

    def deleted(self) -> Self:
        return self.exclude(deleted_at=None)

    def soft_delete(self) -> int:
        return self.alive().update(deleted_at=timezone.now())

    def restore(self) -> int:
        return self.deleted().update(deleted_at=None)


class ChatbotQuerySet(SoftDeletableQuerySet, models.QuerySet["Chatbot"]):
    def owned_by(self, owner_id: uuid.UUID) -> Self:
        """Return the owner's chatbots: the only door to them, in API and dashboard alike."""
        return self.alive().filter(owner_id=owner_id)

    def deleted_by(self, owner_id: uuid.UUID) -> Self:
        """Return what the owner has deleted and may have back."""
        return self.deleted().filter(owner_id=owner_id)

    def with_source_counts(self) -> Self:
        return self.annotate(
            source_count=models.Count("sources", filter=models.Q(sources__deleted_at=None))
        )


LIST = Statement(
    "list_chatbots",
    """
    SELECT coalesce(json_agg(listed), '[]')::text
    FROM (
        SELECT
            id,
            name,
            slug,
            provider,
            is_active,
            to_char(
                chatbot.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
            ) AS created_at
        FROM chatbots_chatbot chatbot
        WHERE owner_id = $1 AND deleted_at IS NULL
        ORDER BY chatbot.created_at, id
    ) listed
    """,
)


def list_as_json(owner_id: uuid.UUID) -> bytes:
    """Return the owner's chatbots as the JSON array that the API lists, oldest first.

    The same rows as of ChatbotQuerySet.owned_by, written by PostgreSQL. On the endpoint that is
    called most, the ORM and its instances cost ten times what the statement does; and an account
    may have thousands of chatbots, which here never become Python objects.
    """
    row = LIST.fetch(owner_id.bytes)
    array: bytes = row[0] if row else b"[]"
    return array


class Chatbot(models.Model):
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

    def change(self, **fields: str) -> None:
        for name, value in fields.items():
            setattr(self, name, value)
        self.save(update_fields=fields)

    def slug_candidates(self) -> Iterator[str]:
        """Yield slugs made from the name, without end: `shop`, `shop-2`, `shop-3`, …"""
        stem = slugify(self.name)[:NAME_MAX_LENGTH] or "chatbot"
        yield stem
        for number in count(2):
            yield f"{stem}-{number}"


class SourceQuerySet(SoftDeletableQuerySet, models.QuerySet["Source"]):
    def listed(self) -> Self:
        """Return what is not deleted, without the texts: they may be long."""
        return self.alive().defer("text")

    def editable(self) -> Self:
        """Return what the owner wrote here and may rewrite."""
        return self.alive().filter(type__in=Source.EDITABLE)


class Source(models.Model):
    class Type(models.TextChoices):
        URL = "url", "Website"
        FILE = "file", "File"
        TEXT = "text", "Text"
        QA = "qa", "Question and answer"

    EDITABLE = (Type.TEXT, Type.QA)

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        CRAWLING = "crawling", "Crawling"
        PROCESSING = "processing", "Processing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="sources")
    type = models.CharField(max_length=20, choices=Type)
    title = models.CharField(
        max_length=TITLE_MAX_LENGTH,
        blank=True,
        help_text="Of a question and answer: the question.",
    )
    text = models.TextField(blank=True, help_text="As the owner wrote it.")
    url = models.URLField(max_length=2000, blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    page_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = SourceQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.title or "Untitled"

    @property
    def is_editable(self) -> bool:
        return self.type in self.EDITABLE


class ChunkQuerySet(models.QuerySet["Chunk"]):
    def of(self, chatbot_id: uuid.UUID) -> Self:
        """Return what the chatbot may answer from."""
        return self.filter(source__chatbot_id=chatbot_id, source__deleted_at=None)


class Chunk(models.Model):
    """A piece of a source that is found and quoted as one."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField()
    text = models.TextField()
    search = models.GeneratedField(
        expression=SearchVector("text", config=SEARCH_CONFIG),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ChunkQuerySet.as_manager()

    class Meta:
        ordering = ("source", "position")
        constraints = (
            models.UniqueConstraint(fields=["source", "position"], name="chatbots_chunk_position"),
        )
        indexes = (GinIndex(fields=["search"], name="chatbots_chunk_search"),)

    def __str__(self) -> str:
        return f"{self.source_id}#{self.position}"


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def with_message_counts(self) -> Self:
        """Count by a subquery, so that a page of conversations counts only its own messages."""
        messages = Message.objects.filter(conversation=models.OuterRef("pk")).order_by()
        counts = messages.values("conversation").values(number=models.Count("pk"))
        return self.annotate(message_count=models.Subquery(counts))


class Conversation(models.Model):
    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="conversations")
    session_id = models.CharField(max_length=128)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_message_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        ordering = ("-last_message_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["chatbot", "session_id"], name="chatbots_conversation_session"
            ),
        )

    def __str__(self) -> str:
        return self.session_id


class Message(models.Model):
    """One side of a turn. A turn's question and answer are stored together, next to each other."""

    class Role(models.TextChoices):
        USER = "user", "Visitor"
        ASSISTANT = "assistant", "Chatbot"

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    role = models.CharField(max_length=20, choices=Role)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=["conversation", "id"], name="chatbots_message_order"),)

    def __str__(self) -> str:
        return f"{self.role}: {self.text[:40]}"


class MessageUsage(models.Model):
    """How many of a month's messages an account has used; what is being answered counts already."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="message_usage"
    )
    month = models.DateField(help_text="The first day of the calendar month, in UTC.")
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["owner", "month"], name="chatbots_usage_month"),
        )

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.used}"


class ChatbotMessageUsage(models.Model):
    """A chatbot's share of its owner's MessageUsage, counted by the same statement."""

    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="message_usage")
    month = models.DateField(help_text="The first day of the calendar month, in UTC.")
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["chatbot", "month"], name="chatbots_chatbot_usage_month"
            ),
        )

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.used}"
