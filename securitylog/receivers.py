"""Receivers that record security events from signals of Django, django-allauth and accounts."""

import uuid
from collections.abc import Callable
from typing import Any

from allauth.account import signals as address_signals
from allauth.mfa import signals as factor_signals
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.http import HttpRequest

from accounts import signals as account_signals
from accounts.models import Plan, User
from securitylog import security_events as events
from securitylog.kinds import Kind
from securitylog.origin import Actor
from securitylog.recording import record, record_failed_sign_in, record_limits_changed

ALLAUTH = {
    address_signals.email_changed: events.EMAIL_CHANGED,
    address_signals.email_added: events.EMAIL_ADDED,
    address_signals.email_removed: events.EMAIL_REMOVED,
    factor_signals.authenticator_added: events.TWO_FACTOR_ADDED,
    factor_signals.authenticator_removed: events.TWO_FACTOR_REMOVED,
    factor_signals.authenticator_reset: events.TWO_FACTOR_RENEWED,
    factor_signals.authentication_failed: events.TWO_FACTOR_FAILED,
}


def connect() -> None:
    receivers = {
        user_logged_in: signed_in,
        user_logged_out: signed_out,
        user_login_failed: sign_in_failed,
        account_signals.sessions_ended: sessions_ended,
        account_signals.password_removed: password_removed,
        account_signals.account_changed: account_changed,
        account_signals.limits_changed: limits_changed,
        **{signal: receiver_for(kind) for signal, kind in ALLAUTH.items()},
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver, weak=False, dispatch_uid="securitylog")
    # Every new password is saved with the account, whereas django-allauth's signals miss some.
    post_save.connect(password_saved, sender=User, dispatch_uid="securitylog")


def signed_in(user: User, request: HttpRequest, **signal: Any) -> None:
    record(user.pk, events.SIGNED_IN, actor=Actor.OWNER, request=request)


def signed_out(user: User | None, request: HttpRequest, **signal: Any) -> None:
    """Record a sign-out, unless nobody was signed in or the account has just been deleted."""
    if user and user.pk is not None:
        record(user.pk, events.SIGNED_OUT, actor=Actor.OWNER, request=request)


def sign_in_failed(
    credentials: dict[str, Any], request: HttpRequest | None = None, **signal: Any
) -> None:
    """Record the failure if there is such an account. Nothing that was typed is recorded."""
    email = credentials.get("username") or credentials.get("email") or ""
    account = User.objects.filter(email=str(email).strip().lower()).first()
    if account:
        record_failed_sign_in(account.pk, request)


def sessions_ended(account_id: uuid.UUID, **signal: Any) -> None:
    record(account_id, events.SIGNED_OUT_ELSEWHERE)


def password_saved(instance: User, created: bool, raw: bool, **signal: Any) -> None:
    """Record a changed password. After a mere rehash `_password` is None."""
    if not created and not raw and getattr(instance, "_password", None) is not None:
        record(instance.pk, events.PASSWORD_CHANGED)


def password_removed(account: User, **signal: Any) -> None:
    record(account.pk, events.PASSWORD_REMOVED)


def account_changed(before: User, after: User, fields: set[str], **signal: Any) -> None:
    if "plan" in fields:
        details = {"before": before.plan.name, "after": after.plan.name}
        record(after.pk, events.PLAN_CHANGED, details)
    if "email" in fields:
        record(after.pk, events.EMAIL_CHANGED, {"before": before.email, "after": after.email})
    if "is_active" in fields:
        kind = events.ACCOUNT_ENABLED if after.is_active else events.ACCOUNT_DISABLED
        record(after.pk, kind)
    if fields.intersection(User.STAFF_FIELDS):
        record(after.pk, events.STAFF_ACCESS_CHANGED)


def limits_changed(plan: Plan, changes: str, **signal: Any) -> None:
    record_limits_changed(plan, changes)


def receiver_for(kind: Kind) -> Callable[..., None]:
    """Return a receiver that records the kind of event from one of django-allauth's signals."""

    def receiver(user: User, request: HttpRequest | None = None, **signal: Any) -> None:
        if kind == events.TWO_FACTOR_FAILED:
            record_failed_sign_in(user.pk, request, kind)
            return
        details = details_of(signal)
        if kind == events.EMAIL_CHANGED and "before" not in details:
            record(user.pk, events.EMAIL_CONFIRMED, details, request=request)
            return
        record(user.pk, kind, details, request=request)

    return receiver


def details_of(signal: dict[str, Any]) -> dict[str, str]:
    """Return the details of an event from the arguments of one of django-allauth's signals."""
    details = {}
    if authenticator := signal.get("authenticator"):
        details["method"] = str(authenticator.get_type_display())
    if (before := signal.get("from_email_address")) and (after := signal.get("to_email_address")):
        details |= {"before": before.email, "after": after.email}
    if address := signal.get("email_address") or signal.get("to_email_address"):
        details["email"] = address.email
    return details
