"""The JSON shapes of chatbots."""

import uuid
from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from chatbots.models import MESSAGE_MAX_LENGTH, Chatbot, Source
from core.text import printable, printable_schema, trimmed_schema, without_nul

SESSION_ID_MAX_LENGTH = 128

SessionId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=SESSION_ID_MAX_LENGTH),
    AfterValidator(printable),
    printable_schema(SESSION_ID_MAX_LENGTH),
]


class ChatbotListed(Schema):
    id: uuid.UUID
    name: str
    slug: str
    provider: Chatbot.Provider
    is_active: bool = Field(description="false: paused by the owner")
    created_at: datetime


class ChatbotOut(ChatbotListed):
    system_prompt: str
    fallback_message: str = Field(description="The answer where nothing relevant is found.")


class SourceOut(Schema):
    id: uuid.UUID
    type: Source.Type
    title: str = Field(description="May be empty.")
    url: str = Field(description="Empty where the type has none.")
    status: Source.Status
    page_count: int = Field(description="0 before ingest and for single documents.")
    created_at: datetime


class ChatIn(Schema):
    message: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MESSAGE_MAX_LENGTH),
        AfterValidator(without_nul),
        trimmed_schema(MESSAGE_MAX_LENGTH),
        Field(
            description="1 to 8,000 characters after trimming.",
            examples=["How many requests per minute may one key make?"],
        ),
    ]
    session_id: SessionId | None = Field(
        None,
        description="The conversation: 1 to 128 printable characters. "
        "Without it, one conversation of the account with this chatbot.",
        examples=["visitor-42"],
    )


class CitedPassage(Schema):
    title: str = Field(description="Of the page or source; may be empty.")
    url: str = Field(description="Where the page is; empty where its source has none.")
    excerpt: str = Field(description="The beginning of the passage, up to 300 characters.")
    score: float = Field(description="How relevant the passage is to the question.")


class UsageOut(Schema):
    used: int = Field(description="The account's messages of this month, with this one.")
    limit: int = Field(description="How many the plan allows in a month.")
    resets_at: datetime = Field(description="When the next month begins, in UTC.")


class ChatOut(Schema):
    """What was not asked for by `include` is absent."""

    response: str
    sources: list[CitedPassage] = Field(
        default_factory=list,
        description="With `include=sources`: the passages that the answer could be made from, the "
        "best one first; none where the answer is the fallback message.",
    )
    fallback: bool = Field(
        default_factory=bool,
        description="With `include=sources`: whether the answer is the fallback message.",
    )
    usage: UsageOut | SkipJsonSchema[None] = Field(
        default_factory=lambda: None, description="With `include=usage`: the month's messages."
    )
