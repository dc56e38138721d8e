"""One-time codes of authenticator apps, each of which is accepted once."""

import uuid

from allauth.mfa import app_settings
from django.core.cache import cache


def spend(user_id: uuid.UUID, code: str) -> bool:
    """Mark a code as used for as long as it is valid; return False if it was used before.

    django-allauth itself forgets a used code after one time step, although a tolerance of n steps
    keeps the code valid for 2n + 1 of them.
    """
    steps = 2 * app_settings.TOTP_TOLERANCE + 1
    key = f"one-time-code:{user_id}:{''.join(code.split())}"
    return bool(cache.add(key, 1, timeout=steps * app_settings.TOTP_PERIOD))
