"""Sessions in the database, encrypted because they hold secrets of unfinished set-ups."""

from typing import Any

from cryptography.fernet import InvalidToken
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore

from accounts.encryption import decrypt, encrypt


class SessionStore(DatabaseSessionStore):
    """Django's database sessions, whose data cannot be read without SECRET_KEY."""

    def encode(self, session_dict: dict[str, Any]) -> str:
        return encrypt(super().encode(session_dict))

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Return the session's data; empty if no key fits, as for a forged session."""
        try:
            return super().decode(decrypt(str(session_data)))
        except InvalidToken:
            return {}
