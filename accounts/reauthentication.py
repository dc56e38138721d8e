"""Asking who is there again, before what a forgotten or stolen session must not do.

    @login_required
    @fresh_sign_in_required
    def create_api_key(request): ...

A session is fresh for ACCOUNT_REAUTHENTICATION_TIMEOUT seconds after a sign-in or after the last
time that the person confirmed who they are. Later the person is asked for password, code or passkey
and then goes on where they were: a form that was being posted is posted.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from accounts.models import User

View = TypeVar("View", bound=Callable[..., Any])
fresh_sign_in_required: Callable[[View], View] = reauthentication_required(app="accounts")


def connect() -> None:
    user_logged_in.connect(signed_in, dispatch_uid="reauthentication")


def signed_in(user: User, request: HttpRequest, **signal: object) -> None:
    """Count the sign-in itself: it is complete here, with its second step."""
    record_authentication(request, user, method="sign-in", reauthenticated=True)
