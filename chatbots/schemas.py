"""The JSON shapes of chatbots."""

import unicodedata
import uuid
from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from apikeys.schemas import without_nul, written
from chatbots.models import MESSAGE_MAX_LENGTH, Chatbot, Source

SESSION_ID_MAX_LENGTH = 128


# Control and format characters, surrogates, private use; separators other than the plain space.
# Unlike str.isprintable, what a later Unicode version may have added passes.
UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"})
PRINTABLE_PATTERN = r"^( |[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Zs}])+$"


def printable(text: str) -> str:
    if UNPRINTABLE.intersection(map(unicodedata.category, text.replace(" ", ""))):
        raise ValueError("must consist of printable characters")
    return text


SessionId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=SESSION_ID_MAX_LENGTH),
    AfterValidator(printable),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": SESSION_ID_MAX_LENGTH,
            "pattern": PRINTABLE_PATTERN,
        }
    ),
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
        written(MESSAGE_MAX_LENGTH),
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


class ChatOut(Schema):
    response: str
