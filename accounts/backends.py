"""Who a password signs in."""

from typing import Any

from allauth.account import app_settings
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.flows.email_verification import (
    handle_verification_email_rate_limit,
)
from allauth.account.models import EmailAddress
from django.http import HttpRequest

from accounts.models import User


class ConfirmedAddressBackend(AuthenticationBackend):
    """Signs people in by password, where confirmed addresses are required by such an address only.

    An account whose address is not confirmed is answered, and counted, as a wrong password is.
    Otherwise whoever signs up with an address learns at the next sign-in whether it was free: only
    then would their own password be right.
    """

    def get_user(self, user_id: Any) -> User | None:
        """Return the account of a session, with its plan, which most pages need."""
        user = User.objects.select_related("plan").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        user: User | None = super().authenticate(request, **credentials)
        if user is None or request is None:
            return user
        address = unconfirmed_address(user)
        if address is None:
            return user
        if handle_verification_email_rate_limit(request, address.email):
            address.send_confirmation(request)
        return None


def unconfirmed_address(user: User) -> Any:
    """Return the address that the account has to confirm first, or None."""
    if app_settings.EMAIL_VERIFICATION != app_settings.EmailVerificationMethod.MANDATORY:
        return None
    addresses = EmailAddress.objects.filter(user_id=user.pk)
    if addresses.filter(verified=True).exists():
        return None
    return addresses.filter(email=user.email).first()
