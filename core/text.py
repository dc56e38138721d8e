"""What texts from outside may consist of, as validators and as JSON Schema."""

import unicodedata
from typing import Any

from pydantic import WithJsonSchema

# What trimming removes: Unicode's White_Space.
SPACE = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Control and format characters, surrogates, private use; separators other than the plain space.
# Unlike with str.isprintable, characters that a later version of Unicode adds are printable.
UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"})
PRINTABLE_PATTERN = r"^( |[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Zs}])+$"


def trimmed_schema(max_length: int) -> WithJsonSchema:
    """Describe 1 to max_length characters after trimming, for clients that check beforehand."""
    visible = rf"[^\u0000{SPACE}]"
    pattern = rf"^[{SPACE}]*{visible}([^\u0000]{{0,{max_length - 2}}}{visible})?[{SPACE}]*$"
    return WithJsonSchema({"type": "string", "pattern": pattern})


def printable_schema(max_length: int) -> WithJsonSchema:
    """Describe 1 to max_length printable characters."""
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": max_length}
    return WithJsonSchema({**schema, "pattern": PRINTABLE_PATTERN})


def without_nul(text: str) -> str:
    """Return the text, which PostgreSQL can store. Raises ValueError."""
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    return text


def printable(text: str) -> str:
    """Return the text, of printable characters and plain spaces only. Raises ValueError."""
    if UNPRINTABLE.intersection(map(unicodedata.category, text.replace(" ", ""))):
        raise ValueError("must consist of printable characters")
    return text
