"""What the chat endpoint answers: by default the response alone, and what `include` adds to it."""

import uuid
from collections.abc import Collection
from typing import Any

from django.http import QueryDict

from chatbots.answering import Answer
from chatbots.quota import usage_of
from chatbots.retrieval.search import Passage
from core.paging import InvalidParameter

INCLUDABLE = frozenset({"sources", "usage"})
EXCERPT_MAX_LENGTH = 300


def read_include(query: QueryDict) -> frozenset[str]:
    """Read what an answer is to include. Raises InvalidParameter."""
    given = query.getlist("include")
    words = frozenset(word for value in given for word in value.split(","))
    if not words <= INCLUDABLE:
        raise InvalidParameter("include: has to be sources, usage, or both with a comma in between")
    return words


def chat_answer(answer: Answer, include: Collection[str], owner_id: uuid.UUID) -> dict[str, Any]:
    """Return the answer ready for JSON; `usage` costs a query."""
    body: dict[str, Any] = {"response": answer.text}
    if "sources" in include:
        passages = () if answer.is_fallback else answer.passages
        body["sources"] = [cited(passage) for passage in passages]
        body["fallback"] = answer.is_fallback
    if "usage" in include:
        usage = usage_of(owner_id)
        body["usage"] = {
            "used": usage.used,
            "limit": usage.allowed,
            "resets_at": usage.resets_at.isoformat(timespec="microseconds"),
        }
    return body


def cited(passage: Passage) -> dict[str, Any]:
    return {
        "title": passage.title,
        "url": passage.url,
        "excerpt": excerpt(passage.text),
        "score": round(passage.score, 4),
    }


def excerpt(text: str) -> str:
    """Return the beginning of a text on one line, cut between words."""
    line = " ".join(text.split())
    if len(line) <= EXCERPT_MAX_LENGTH:
        return line
    start = line[:EXCERPT_MAX_LENGTH]
    return f"{start[: start.rfind(' ', EXCERPT_MAX_LENGTH // 2)].rstrip()}…"
