"""The format of API keys. Pure: no database and no request.

A key is `ic_` and 44 characters of URL-safe base64, which encode 29 random bytes and their CRC-32
(unsigned, big-endian). The checksum tells a mistyped key without a query, and lets scanners verify
a suspected key offline. docs/api-keys.md publishes the format.
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
    """A new key. Its plaintext is shown to the owner once, and is not part of `repr`."""

    plaintext: str = field(repr=False)

    @property
    def prefix(self) -> str:
        return self.plaintext[:PREFIX_LENGTH]

    @property
    def digest(self) -> bytes:
        return digest(self.plaintext)


def generate() -> Token:
    """Return a new key with 232 random bits from the operating system."""
    random = secrets.token_bytes(RANDOM_BYTES)
    return Token(BRAND + base64.urlsafe_b64encode(random + checksum(random)).decode("ascii"))


def is_well_formed(text: str) -> bool:
    """Say whether a text of any length has the format of a key and the right checksum."""
    if not PATTERN.fullmatch(text):
        return False
    decoded = base64.urlsafe_b64decode(text[len(BRAND) :])
    return decoded[RANDOM_BYTES:] == checksum(decoded[:RANDOM_BYTES])


def digest(plaintext: str) -> bytes:
    """Return the SHA-256 of a key, by which it is stored and found."""
    return hashlib.sha256(plaintext.encode("ascii")).digest()


def checksum(random: bytes) -> bytes:
    return zlib.crc32(random).to_bytes(CHECKSUM_BYTES, "big")
