"""Decorators for views that handle requests about the same address or account one at a time.

django-allauth checks that an address is free, then stores it. Two concurrent requests would both
find it free, and the second would fail with a database error.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.models import EmailConfirmationHMAC
from django.db import connection, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

View = Callable[..., HttpResponseBase]
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def by_typed_address(view: View) -> View:
    return serialized(view, lambda request: address(request.POST.get("email", "")))


def by_confirmed_address(view: View) -> View:
    return serialized(view, confirmed_address)


def by_account(view: View) -> View:
    return serialized(view, lambda request: f"account {request.user.pk}")


def serialized(view: View, subject: Callable[..., str]) -> View:
    """Run POST requests in a transaction that holds a lock on their subject."""

    @wraps(view)
    def respond(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(LOCK, [subject(request, *args, **kwargs)])
            return view(request, *args, **kwargs)

    return respond


def confirmed_address(request: HttpRequest, key: str) -> str:
    confirmation = EmailConfirmationHMAC.from_key(key)
    return address(confirmation.email_address.email if confirmation else "")


def address(email: str) -> str:
    return f"address {email.strip().lower()}"
