"""Where this product differs from django-allauth's ways."""

from collections.abc import Iterable
from typing import Any, ClassVar
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse

from accounts import security_log
from accounts.models import Plan, User
from accounts.security_log import Kind

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 (nothing listens on it)


class AccountAdapter(DefaultAccountAdapter):
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The e-mail address or the password is not right.",
        "email_taken": "There is an account with this e-mail address already.",
        "duplicate_email": "This is your e-mail address already.",
        "enter_current_password": "This is not your current password.",
        "incorrect_password": "The password is not right.",
        "incorrect_code": "The code is not right, or no longer. Try the next one.",
        "too_many_login_attempts": "Too many sign-ins have failed. Try again in five minutes.",
        "rate_limited": "Too many tries. Wait a minute and try again.",
    }

    def new_user(self, request: HttpRequest) -> User:
        return User(plan=Plan.objects.default())

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account")

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client's address; behind a socket without proxies' word it is not known."""
        try:
            return str(super().get_client_ip(request))
        except PermissionDenied:
            return UNKNOWN_ADDRESS

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return at_public_url(super().get_email_confirmation_url(request, emailconfirmation))

    def get_reset_password_from_key_url(self, key: str) -> str:
        return at_public_url(super().get_reset_password_from_key_url(key))


class TwoFactorAdapter(DefaultMFAAdapter):
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "The code is not right, or no longer. Try the next one.",
        "no_passkey": "The device's answer did not fit. Try again.",
        "unverified_email": "Confirm your e-mail address first, by the link in our mail.",
        "add_email_blocked": (
            "Turn two-factor sign-in off first, then change the address and turn it on again."
        ),
    }

    def generate_authenticator_name(self, user: User, type: Any) -> str:  # noqa: A002
        """Return a name to begin with; the person who knows the device gives a better one."""
        return "My passkey"


class SessionsAdapter(DefaultUserSessionsAdapter):
    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        sessions = list(sessions)
        super().end_sessions(sessions)
        for account_id in {session.user_id for session in sessions}:
            security_log.record(account_id, Kind.SIGNED_OUT_ELSEWHERE)


def at_public_url(url: str) -> str:
    """Return the link as people reach the service, whatever host the request named."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{urlsplit(url).path}"
