"""The JSON shapes of API keys."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from apikeys.models import NAME_MAX_LENGTH

# What is trimmed: Unicode's White_Space.
SPACE = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


def written(max_length: int) -> Any:
    """Describe 1 to max_length characters after trimming, for clients that check beforehand."""
    visible = rf"[^\u0000{SPACE}]"
    pattern = rf"^[{SPACE}]*{visible}([^\u0000]{{0,{max_length - 2}}}{visible})?[{SPACE}]*$"
    return WithJsonSchema({"type": "string", "pattern": pattern})


def without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    return text


class ApiKeyIn(Schema):
    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_MAX_LENGTH),
        AfterValidator(without_nul),
        written(NAME_MAX_LENGTH),
        Field(description="1 to 100 characters after trimming.", examples=["Production server"]),
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
