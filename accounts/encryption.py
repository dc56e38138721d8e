"""Encryption of secrets that have to be read again, such as those behind second factors.

The database alone, without the service's SECRET_KEY, does not reveal them. To rotate the key, move
the old one to SECRET_KEY_FALLBACKS, which keeps existing secrets readable, and run
`manage.py reencrypt_secrets`. The old key can then be removed.
"""

import base64

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

PURPOSE = b"accounts.encryption"


def encrypt(text: str) -> str:
    return cipher().encrypt(text.encode()).decode("ascii")


def decrypt(encrypted: str) -> str:
    """Return the text. Raises cryptography.fernet.InvalidToken if no key fits."""
    return cipher().decrypt(encrypted.encode()).decode()


def rotate(encrypted: str) -> str:
    """Return the text re-encrypted with the current key. Raises InvalidToken if no key fits."""
    return cipher().rotate(encrypted.encode()).decode("ascii")


def cipher() -> MultiFernet:
    """Return a cipher that encrypts with SECRET_KEY and decrypts with the fallbacks too."""
    return MultiFernet(
        [Fernet(derive(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    )


def derive(secret: str) -> bytes:
    """Derive an encryption key from the service's secret with HKDF (RFC 5869)."""
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return base64.urlsafe_b64encode(key)
