"""Pages, which sources consist of, and their chunks."""

from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from chatbots.models.chatbot import Chatbot
from chatbots.models.source import URL_MAX_LENGTH, Source


class PageQuerySet(models.QuerySet["Page"]):
    def live(self) -> Self:
        """Return the pages that their chatbots answer from, were no source deleted."""
        return self.filter(is_live=True)

    def staged(self) -> Self:
        """Return the pages that a sync under way has found, or the last one could not read."""
        return self.filter(is_live=False)


class Page(models.Model):
    """A page of a site, or all of another source.

    A page that changes becomes a new row. It is learnt beside the old one, from which the chatbot
    answers until `chatbots.knowledge.learning.publish` puts it in the old one's place.
    """

    class State(models.TextChoices):
        FOUND = "found", "Found"
        READ = "read", "Read"
        EMBEDDED = "embedded", "Embedded"
        FAILED = "failed", "Failed"

    READABLE = (State.READ, State.EMBEDDED)

    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="pages")
    url = models.URLField(
        max_length=URL_MAX_LENGTH, blank=True, help_text="The canonical address, if it has one."
    )
    title = models.TextField(blank=True)
    language = models.CharField(max_length=10, blank=True)
    text = models.TextField(blank=True, help_text="As the chatbot sees it.")
    content_hash = models.CharField(max_length=64, blank=True)
    etag = models.TextField(blank=True)
    last_modified = models.TextField(blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.FOUND)
    reason = models.TextField(blank=True, help_text="Why it failed, as its owner is told.")
    reading: "models.JSONField[Any, Any]" = models.JSONField(
        null=True, help_text="What was read, before what all pages repeat was left out."
    )
    checked_at = models.DateTimeField(
        null=True, editable=False, help_text="When its address last had this content."
    )
    is_live = models.BooleanField(default=False, help_text="On: the chatbot answers from it.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PageQuerySet.as_manager()

    class Meta:
        ordering = ("source", "id")
        indexes = (
            models.Index(
                fields=["chatbot"],
                condition=models.Q(is_live=False),
                name="chatbots_page_not_live",
            ),
        )

    def __str__(self) -> str:
        return self.url or self.title or f"page {self.pk}"


class ChunkQuerySet(models.QuerySet["Chunk"]):
    def citable(self) -> Self:
        """Return the chunks with what citing them takes, and none of the long texts around."""
        answer = models.Case(
            models.When(page__source__type=Source.Type.QA, then="page__source__text")
        )
        return (
            self.select_related("page__source")
            .only("headings", "blocks", *PAGE_FIELDS, "page__url", "page__source__title")
            .annotate(answer=answer)
        )

    def indexable(self) -> Self:
        """Return the chunks with what indexing them takes, in their order."""
        return (
            self.select_related("page__source")
            .only("headings", "blocks", *PAGE_FIELDS)
            .order_by("page", "position")
        )


PAGE_FIELDS = ("page__title", "page__language", "page__source__type")


class Chunk(models.Model):
    """A part of a page under one heading, found as a whole and quoted by its sentences."""

    answer: str | None  # of a question and answer, as ChunkQuerySet.citable has it

    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField()
    headings: "models.Field[list[str], list[str]]" = ArrayField(
        models.TextField(), default=list, help_text="The path to it, outermost first."
    )
    # Sentences are stored apart because their vectors are stored in the same order.
    blocks: "models.JSONField[Any, list[tuple[str, list[str]]]]" = models.JSONField(
        default=list, help_text="[kind, [sentence, …]] for each block."
    )

    objects = ChunkQuerySet.as_manager()

    class Meta:
        ordering = ("page", "position")
        constraints = (
            models.UniqueConstraint(fields=["page", "position"], name="chatbots_chunk_position"),
        )

    def __str__(self) -> str:
        return f"{self.page_id}#{self.position}"

    @property
    def path(self) -> list[str]:
        """Return the headings to the chunk with its page's title in front."""
        return [title for title in (self.page.title, *self.headings) if title]

    @property
    def sentences(self) -> list[str]:
        return [sentence for _, sentences in self.blocks for sentence in sentences]

    @property
    def words(self) -> str:
        """Return all that the chunk is found by."""
        return "\n".join([*self.path, *self.sentences])
