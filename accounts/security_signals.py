"""What Django and django-allauth say about people signing in, for the security log."""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.http import HttpRequest
from django.utils.module_loading import import_string

from accounts import security_log
from accounts.models import User
from accounts.security_log import Actor, Kind

# Passwords are not among them: `password_saved` hears of each change, whoever makes it.
ALLAUTH = {
    "allauth.account": {
        "allauth.account.signals.email_changed": Kind.EMAIL_CHANGED,
        "allauth.account.signals.email_added": Kind.EMAIL_ADDED,
        "allauth.account.signals.email_removed": Kind.EMAIL_REMOVED,
    },
    "allauth.mfa": {
        "allauth.mfa.signals.authenticator_added": Kind.TWO_FACTOR_ADDED,
        "allauth.mfa.signals.authenticator_removed": Kind.TWO_FACTOR_REMOVED,
        "allauth.mfa.signals.authenticator_reset": Kind.TWO_FACTOR_RENEWED,
        "allauth.mfa.signals.authentication_failed": Kind.TWO_FACTOR_FAILED,
    },
}


def connect() -> None:
    user_logged_in.connect(signed_in, dispatch_uid="security log")
    user_logged_out.connect(signed_out, dispatch_uid="security log")
    user_login_failed.connect(sign_in_failed, dispatch_uid="security log")
    post_save.connect(password_saved, sender=User, dispatch_uid="security log")
    for app, kinds in ALLAUTH.items():
        if apps.is_installed(app):
            for signal, kind in kinds.items():
                import_string(signal).connect(
                    recording(kind), weak=False, dispatch_uid="security log"
                )


def signed_in(user: User, request: HttpRequest, **signal: Any) -> None:
    security_log.record(user.pk, Kind.SIGNED_IN, actor=Actor.OWNER, request=request)


def signed_out(user: User | None, request: HttpRequest, **signal: Any) -> None:
    """Record a sign-out; nobody was signed in, or the account has just been deleted, without."""
    if user and user.pk is not None:
        security_log.record(user.pk, Kind.SIGNED_OUT, actor=Actor.OWNER, request=request)


def sign_in_failed(
    credentials: dict[str, Any], request: HttpRequest | None = None, **signal: Any
) -> None:
    """Record it where there is such an account; what was typed is recorded nowhere."""
    email = credentials.get("username") or credentials.get("email") or ""
    account = User.objects.filter(email=str(email).strip().lower()).first()
    if account:
        security_log.record_failed_sign_in(account.pk, request)


def password_saved(instance: User, created: bool, raw: bool, **signal: Any) -> None:
    """Record a changed password; one that is only hashed anew leaves no `_password`."""
    if not created and not raw and getattr(instance, "_password", None) is not None:
        security_log.record(instance.pk, Kind.PASSWORD_CHANGED)


def recording(kind: Kind) -> Callable[..., None]:
    def receiver(user: User, request: HttpRequest | None = None, **signal: Any) -> None:
        if kind == Kind.TWO_FACTOR_FAILED:
            security_log.record_failed_sign_in(user.pk, request, kind)
            return
        details = details_of(signal)
        if kind == Kind.EMAIL_CHANGED and "before" not in details:
            security_log.record(user.pk, Kind.EMAIL_CONFIRMED, details, request=request)
            return
        security_log.record(user.pk, kind, details, request=request)

    return receiver


def details_of(signal: dict[str, Any]) -> dict[str, str]:
    """Return what one of django-allauth's signals says besides who and where."""
    details = {}
    if authenticator := signal.get("authenticator"):
        details["method"] = str(authenticator.get_type_display())
    if (before := signal.get("from_email_address")) and (after := signal.get("to_email_address")):
        details |= {"before": before.email, "after": after.email}
    if address := signal.get("email_address") or signal.get("to_email_address"):
        details["email"] = address.email
    return details
