"""Adapters: where this product departs from django-allauth's defaults."""

from collections.abc import Iterable
from typing import Any, ClassVar
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from accounts import encryption, known_browsers
from accounts.models import Plan, User
from accounts.signals import sessions_ended
from core.http import client_address

# Throttles and sessions need an address; requests through a Unix socket, without one, share this.
UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 (nothing listens on it)


class AccountAdapter(DefaultAccountAdapter):
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": (
            "The e-mail address or the password is wrong. If you have just signed up, follow the "
            "link in our e-mail first."
        ),
        "email_taken": "An account with this e-mail address already exists.",
        "duplicate_email": "This is already your e-mail address.",
        "enter_current_password": "This is not your current password.",
        "incorrect_password": "The password is wrong.",
        "incorrect_code": "The code is wrong or has expired. Try the next one.",
        "too_many_login_attempts": "Too many sign-ins have failed. Try again in five minutes.",
        "rate_limited": "Too many attempts. Wait a minute and try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP_IS_OPEN)

    def new_user(self, request: HttpRequest) -> User:
        return User(plan=Plan.objects.default())

    def post_login(self, request: HttpRequest, user: User, **login: Any) -> HttpResponseBase:
        response: HttpResponseBase = super().post_login(request, user, **login)
        known_browsers.remember(response, user)
        return response

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Return the key to count failed sign-ins by; known browsers have their own."""
        key = str(super()._get_login_attempts_cache_key(request, **credentials))
        email = str(credentials.get("email") or credentials.get("username") or "")
        return f"{key}:known" if known_browsers.is_known(request, email) else key

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account")

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or UNKNOWN_ADDRESS

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return at_public_url(super().get_email_confirmation_url(request, emailconfirmation))

    def get_reset_password_from_key_url(self, key: str) -> str:
        return at_public_url(super().get_reset_password_from_key_url(key))


class TwoFactorAdapter(DefaultMFAAdapter):
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "The code is wrong or has expired. Try the next one.",
        "no_passkey": "The passkey could not be verified. Try again.",
        "unverified_email": "Confirm your e-mail address first, with the link in our e-mail.",
        "add_email_blocked": (
            "Turn two-factor sign-in off first, then change the address and turn it on again."
        ),
    }

    def encrypt(self, text: str) -> str:
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return encryption.decrypt(encrypted_text)

    def generate_authenticator_name(self, user: User, type: Any) -> str:  # noqa: A002
        """Return the default name, which people may replace by one that says which device it is."""
        return "My passkey"


class SessionsAdapter(DefaultUserSessionsAdapter):
    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        sessions = list(sessions)
        super().end_sessions(sessions)
        for account_id in {session.user_id for session in sessions}:
            sessions_ended.send(User, account_id=account_id)


def at_public_url(url: str) -> str:
    """Return the URL on the service's public address, whatever host the request named."""
    return f"{settings.PUBLIC_URL}{urlsplit(url).path}"
