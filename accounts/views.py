"""The account page."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.http import OwnerRequest


@require_safe
@never_cache
@login_required
def show_account(request: OwnerRequest) -> HttpResponse:
    """Show the account's settings, with links to change them."""
    authenticators = Authenticator.objects.filter(user=request.user)
    context = {
        "new_address": EmailAddress.objects.get_new(request.user),
        "has_app": authenticators.filter(type=Authenticator.Type.TOTP).exists(),
        "passkeys": authenticators.filter(type=Authenticator.Type.WEBAUTHN).count(),
        "sessions": len(UserSession.objects.purge_and_list(request.user)),
        "section": "account",
    }
    return render(request, "account/account.html", context)
