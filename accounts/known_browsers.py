"""Browsers in which an account has signed in before, recognised by a signed cookie.

Failed sign-ins in a known browser are counted apart from those elsewhere, so that nobody else can
lock the owner out of it.
"""

import hashlib

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import User

COOKIE = "known_browser"
MAX_AGE_SECONDS = 365 * 24 * 3600


def remember(response: HttpResponseBase, user: User) -> None:
    """Make the browser that receives the response known to the account."""
    response.set_signed_cookie(
        COOKIE,
        identifier(user.email),
        salt=COOKIE,
        max_age=MAX_AGE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def is_known(request: HttpRequest, email: str) -> bool:
    cookie = request.get_signed_cookie(COOKIE, default=None, salt=COOKIE, max_age=MAX_AGE_SECONDS)
    return cookie == identifier(email)


def identifier(email: str) -> str:
    """Return the cookie's value for the address, a hash that does not reveal it."""
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()
