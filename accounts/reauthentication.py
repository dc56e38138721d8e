"""Asking people to confirm who they are before actions that need a fresh sign-in.

    @login_required
    @fresh_sign_in_required
    def create_api_key(request): ...

A session is fresh for ACCOUNT_REAUTHENTICATION_TIMEOUT seconds after a sign-in or after the last
confirmation, so a forgotten or stolen one is of little use. With an older session a page asks for
the password, a code or a passkey, then continues with the request, including a posted form. An API
cannot ask: it refuses the request by `require_fresh_sign_in`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from accounts.models import User

View = TypeVar("View", bound=Callable[..., Any])
APP = "accounts"
fresh_sign_in_required: Callable[[View], View] = reauthentication_required(app=APP)


class SignInTooOld(Exception):
    """The session is not fresh: its owner has to sign in again first."""


def require_fresh_sign_in(request: HttpRequest) -> None:
    """Raise SignInTooOld where a page would ask the signed-in person to confirm who they are."""
    if is_reauthentication_required(request, app=APP):
        raise SignInTooOld


def connect() -> None:
    user_logged_in.connect(signed_in, dispatch_uid="reauthentication")


def signed_in(user: User, request: HttpRequest, **signal: object) -> None:
    """Record the sign-in, which is complete here with its second step, as a confirmation."""
    record_authentication(request, user, method="sign-in", reauthenticated=True)
