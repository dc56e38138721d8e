"""What searches read: narrow tables without foreign keys, whose rows are written once.

Their rows follow those of pages and chunks (`chatbots.retrieval.index`). A million chunks are some
80 million postings: a foreign key's checks, or a chatbot's UUID in each row, would cost more than
what is stored.
"""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from chatbots.models.chatbot import Chatbot


class HalfVectorField(models.Field[Any, Any]):
    """A vector of pgvector's half-precision type, of any dimension."""

    def db_type(self, connection: Any) -> str:
        return "halfvec"


class SearchIndex(models.Model):
    """A chatbot's chunks as one embedder and one analyser see them.

    When either changes, an index is built beside the live one, from which the chatbot answers until
    then.
    """

    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="indexes")
    embedder = models.CharField(max_length=200)
    analyser = models.CharField(max_length=50)
    languages: "models.Field[list[str], list[str]]" = ArrayField(
        models.CharField(max_length=10), default=list, help_text="Of its live pages, most first."
    )
    is_live = models.BooleanField(default=False)
    # When a worker last began to build it, and how many chunks it had then.
    resumed_at = models.DateTimeField(null=True)
    chunks_before = models.PositiveIntegerField(db_default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["chatbot", "embedder", "analyser"], name="chatbots_index_recipe"
            ),
            models.UniqueConstraint(
                fields=["chatbot"], condition=models.Q(is_live=True), name="chatbots_index_live"
            ),
        )

    def __str__(self) -> str:
        return f"{self.embedder}, {self.analyser}"


class Posting(models.Model):
    """How often a term occurs in a chunk."""

    pk = models.CompositePrimaryKey("index_id", "term", "chunk_id")
    index_id = models.BigIntegerField()
    term = models.TextField(db_collation="C")
    chunk_id = models.BigIntegerField()
    page_id = models.BigIntegerField(db_index=True)
    frequency = models.SmallIntegerField()
    length = models.SmallIntegerField(help_text="How many terms the chunk has.")

    def __str__(self) -> str:
        return f"{self.term} in {self.chunk_id}"


class ChunkVectors(models.Model):
    """A chunk's embeddings that each search compares: of all of it, and of a heading that asks.

    The row is narrow, because a search reads all of a chatbot's. They are null where they could not
    be made.
    """

    pk = models.CompositePrimaryKey("index_id", "chunk_id")
    index_id = models.BigIntegerField()
    chunk_id = models.BigIntegerField()
    page_id = models.BigIntegerField(db_index=True)
    length = models.SmallIntegerField(help_text="How many terms the chunk has.")
    whole = HalfVectorField(null=True)
    heading = HalfVectorField(null=True)

    def __str__(self) -> str:
        return f"vectors of {self.chunk_id}"


class SentenceVectors(models.Model):
    """The embeddings of a chunk's windows and sentences, in order, read for the best chunks."""

    WINDOWS = 4

    pk = models.CompositePrimaryKey("index_id", "chunk_id")
    index_id = models.BigIntegerField()
    chunk_id = models.BigIntegerField()
    page_id = models.BigIntegerField(db_index=True)
    windows = ArrayField(HalfVectorField(), help_text="WINDOWS at most.")
    vectors = ArrayField(HalfVectorField())

    def __str__(self) -> str:
        return f"sentences of {self.chunk_id}"
