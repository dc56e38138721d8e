"""Conversations as a file, written part by part so that its size costs no memory."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import F, Q, QuerySet

from chatbots.models import Message

BATCH = 1000
FIELDS = (
    *("conversation_id", "session_id", "role", "text", "created_at"),
    *("is_fallback", "is_complete", "answer_milliseconds", "rating"),
)

Row = Mapping[str, Any]


def read_messages(conversation_ids: Sequence[int]) -> Iterator[list[Row]]:
    """Yield the messages of the conversations in batches, each read by a query of its own."""
    for start in range(0, len(conversation_ids), BATCH):
        found = Message.objects.filter(conversation__in=conversation_ids[start : start + BATCH])
        batch = read_batch(found)
        while batch:
            yield batch
            batch = read_batch(found.filter(after(batch[-1])))


def read_batch(found: QuerySet[Message]) -> list[Row]:
    rows = found.order_by("conversation_id", "id").annotate(
        session_id=F("conversation__session_id")
    )
    return list(rows.values("id", *FIELDS)[:BATCH])


def after(row: Row) -> Q:
    conversation, message = row["conversation_id"], row["id"]
    return Q(conversation_id__gt=conversation) | Q(conversation_id=conversation, id__gt=message)


def write_csv(batches: Iterable[list[Row]]) -> Iterator[str]:
    yield ",".join(FIELDS) + "\r\n"
    for batch in batches:
        part = io.StringIO()
        writer = csv.DictWriter(part, FIELDS, extrasaction="ignore")
        writer.writerows(
            {**row, "session_id": harmless(row["session_id"]), "text": harmless(row["text"])}
            for row in batch
        )
        yield part.getvalue()


def harmless(text: str) -> str:
    """Return what a visitor sent so that a spreadsheet does not take it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def write_json(batches: Iterable[list[Row]]) -> Iterator[str]:
    yield "["
    separator = "\n"
    for batch in batches:
        rows = (json.dumps({name: row[name] for name in FIELDS}, default=str) for row in batch)
        yield separator + ",\n".join(rows)
        separator = ",\n"
    yield "\n]\n"


# The media type of a file, and what writes it, by the end of its name.
FILE_TYPES: Mapping[str, tuple[str, Callable[[Iterable[list[Row]]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", write_csv),
    "json": ("application/json", write_json),
}
