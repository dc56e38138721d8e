"""The JSON shapes of API keys."""

import uuid
from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from apikeys.models import NAME_MAX_LENGTH
from core.text import trimmed_schema, without_nul


class ApiKeyIn(Schema):
    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_MAX_LENGTH),
        AfterValidator(without_nul),
        trimmed_schema(NAME_MAX_LENGTH),
        Field(description="1 to 100 characters after trimming.", examples=["Production server"]),
    ]


class ApiKeyOut(Schema):
    id: uuid.UUID
    name: str
    prefix: str = Field(description="The first 8 characters of the key.")
    last_used_at: datetime | None = Field(
        description="The latest call with a status below 400; null before the first."
    )
    created_at: datetime
    revoked_at: datetime | None
    is_active: bool = Field(description="false: revoked or expired")


class FoundKeyIn(Schema):
    key: SecretStr = Field(description="The text that was found.")


class FoundKeyOut(Schema):
    detail: str


class CreatedApiKeyOut(ApiKeyOut):
    key: str = Field(description="The full key, which is never shown again.")
