"""What an API key is made of. Knows no database and no request.

A key is `ic_` and 44 characters of URL-safe base64: 29 random bytes, then the CRC-32 of those 29
bytes (unsigned, big-endian). So a mistyped key is known to be wrong without asking anybody, and a
scanner can tell a real find from a lookalike offline. docs/api-keys.md publishes the rule.
"""

import base64
import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field

BRAND = "ic_"
RANDOM_BYTES = 29
CHECKSUM_BYTES = 4
PREFIX_LENGTH = 8
PLAINTEXT_LENGTH = 47
PATTERN = re.compile(r"ic_[A-Za-z0-9_-]{44}")


@dataclass(frozen=True, slots=True)
class Token:
    """A new key. The plaintext is for the owner's eyes, once; it stays out of `repr`."""

    plaintext: str = field(repr=False)

    @property
    def prefix(self) -> str:
        return self.plaintext[:PREFIX_LENGTH]

    @property
    def digest(self) -> bytes:
        return digest(self.plaintext)


def generate() -> Token:
    """Make a key from 232 random bits of the operating system."""
    random = secrets.token_bytes(RANDOM_BYTES)
    return Token(BRAND + base64.urlsafe_b64encode(random + checksum(random)).decode("ascii"))


def is_well_formed(text: str) -> bool:
    """Say whether a text of any size is shaped like a key and carries the right checksum."""
    if not PATTERN.fullmatch(text):
        return False
    decoded = base64.urlsafe_b64decode(text[len(BRAND) :])
    return decoded[RANDOM_BYTES:] == checksum(decoded[:RANDOM_BYTES])


def digest(plaintext: str) -> bytes:
    """Return what is stored of a key: the 32 bytes of its SHA-256."""
    return hashlib.sha256(plaintext.encode("ascii")).digest()


def checksum(random: bytes) -> bytes:
    return zlib.crc32(random).to_bytes(CHECKSUM_BYTES, "big")


def without_keys(text: str) -> str:
    """Return the text with every full key in it cut to its prefix."""
    return PATTERN.sub(lambda match: f"{match[0][:PREFIX_LENGTH]}…", text)
