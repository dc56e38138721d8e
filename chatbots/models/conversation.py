"""Conversations and their messages."""

import re
from datetime import date, datetime, time, timedelta
from typing import Any, Self

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import models
from django.db.models.functions import Left
from django.utils import timezone

from chatbots.models.chatbot import Chatbot

MESSAGE_MAX_LENGTH = 8000
# Messages are searched word by word as they are written, whatever their language.
WORDS_CONFIG = "simple"
FIRST_QUESTION_LENGTH = 200


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def with_message_counts(self) -> Self:
        """Annotate message_count, by a subquery that runs only for the rows of a page."""
        messages = Message.objects.filter(conversation=models.OuterRef("pk")).order_by()
        counts = messages.values("conversation").values(number=models.Count("pk"))
        return self.annotate(message_count=models.Subquery(counts))

    def with_first_questions(self) -> Self:
        """Annotate first_question, by a subquery that runs only for the rows of a page."""
        messages = Message.objects.filter(conversation=models.OuterRef("pk")).order_by("id")
        start = Left("text", FIRST_QUESTION_LENGTH)
        return self.annotate(first_question=models.Subquery(messages.values_list(start)[:1]))

    def search(self, text: str) -> Self:
        """Keep those whose session is so called, or in which a message has all words or starts."""
        is_session = models.Q(session_id__icontains=text)
        words = re.findall(r"\w+", text)
        if not words:
            return self.filter(is_session)
        query = SearchQuery(
            " & ".join(f"{word}:*" for word in words), search_type="raw", config=WORDS_CONFIG
        )
        found = Message.objects.annotate(words=SearchVector("text", config=WORDS_CONFIG)).filter(
            words=query
        )
        return self.filter(is_session | models.Q(pk__in=found.values("conversation")))

    def on_day(self, day: date) -> Self:
        """Keep those that had begun by the end of the day and were not over before it."""
        start, end = (
            timezone.make_aware(datetime.combine(day + timedelta(days=days), time()))
            for days in (0, 1)
        )
        return self.filter(created_at__lt=end, last_message_at__gte=start)

    def unread(self) -> Self:
        return self.filter(
            models.Q(read_at=None) | models.Q(read_at__lt=models.F("last_message_at"))
        )


def has_fallback() -> models.Exists:
    """Return the condition that some answer of a conversation was the fallback message."""
    return models.Exists(
        Message.objects.filter(conversation=models.OuterRef("pk"), is_fallback=True)
    )


def has_rated_down() -> models.Exists:
    """Return the condition that some answer of a conversation was rated down."""
    return models.Exists(
        Message.objects.filter(conversation=models.OuterRef("pk"), rating=Message.Rating.DOWN)
    )


class Conversation(models.Model):
    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="conversations")
    session_id = models.CharField(max_length=128)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_message_at = models.DateTimeField(default=timezone.now, editable=False)
    read_at = models.DateTimeField(
        null=True, editable=False, help_text="When the owner last opened it."
    )

    objects = ConversationQuerySet.as_manager()

    class Meta:
        ordering = ("-last_message_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["chatbot", "session_id"], name="chatbots_conversation_session"
            ),
        )
        indexes = (
            models.Index(
                fields=["chatbot", "-last_message_at", "-id"], name="chatbots_conversation_newest"
            ),
        )

    def __str__(self) -> str:
        return self.session_id

    @property
    def is_unread(self) -> bool:
        return self.read_at is None or self.read_at < self.last_message_at


class Message(models.Model):
    """A question or an answer. Those of a turn are stored together and have consecutive ids."""

    class Role(models.TextChoices):
        USER = "user", "Visitor"
        ASSISTANT = "assistant", "Chatbot"

    class Rating(models.IntegerChoices):
        UP = 1, "Rated up"
        DOWN = -1, "Rated down"

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    role = models.CharField(max_length=20, choices=Role)
    text = models.TextField()
    confidence = models.FloatField(
        null=True, help_text="Of a question: above the threshold, the chatbot answered."
    )
    is_complete = models.BooleanField(
        default=True, help_text="Off: the visitor left while the answer was being sent."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    is_fallback = models.BooleanField(
        default=False, help_text="An answer that is the chatbot's fallback message."
    )
    answer_milliseconds = models.PositiveIntegerField(
        null=True, help_text="How long an answer took; null for questions and where not known."
    )
    rating = models.SmallIntegerField(
        choices=Rating, null=True, help_text="Of an answer, by the chatbot's owner."
    )
    # Chunks and sources are named without foreign keys: they may go, and the answer stays.
    passages: "models.JSONField[Any, list[tuple[int, str, float]] | None]" = models.JSONField(
        null=True, help_text="[chunk, source, score] of each that an answer was made from."
    )

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=["conversation", "id"], name="chatbots_message_order"),
            models.Index(
                fields=["conversation"],
                condition=models.Q(is_fallback=True),
                name="chatbots_message_fallback",
            ),
            models.Index(
                fields=["conversation"],
                condition=models.Q(rating=-1),
                name="chatbots_message_rated_down",
            ),
            GinIndex(SearchVector("text", config=WORDS_CONFIG), name="chatbots_message_words"),
        )

    def __str__(self) -> str:
        return f"{self.role}: {self.text[:40]}"
