"""The JSON shapes of API keys."""

import uuid
from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints

from apikeys.models import NAME_MAX_LENGTH

# What a text that people wrote looks like, for clients that check before they send.
WRITTEN = {"pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"}


def without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    return text


class ApiKeyIn(Schema):
    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_MAX_LENGTH),
        AfterValidator(without_nul),
        Field(
            description="1 to 100 characters after trimming.",
            examples=["Production server"],
            json_schema_extra=WRITTEN,
        ),
    ]


class ApiKeyOut(Schema):
    id: uuid.UUID
    name: str
    prefix: str = Field(description="The first 8 characters of the key.")
    last_used_at: datetime | None = Field(
        description="The latest call that was answered below 400; null before the first."
    )
    created_at: datetime
    revoked_at: datetime | None
    is_active: bool = Field(description="false: revoked or expired")


class CreatedApiKeyOut(ApiKeyOut):
    key: str = Field(description="The full key. It is in this answer and never shown again.")
