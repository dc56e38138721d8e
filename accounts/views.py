"""Account, and Dashboard → Security log."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import SecurityEvent, User
from accounts.security_log import FAILED_SIGN_INS_PER_HOUR, Kind

EVENTS_PER_PAGE = 25
TOPICS = {
    "sign-ins": (
        "Sign-ins",
        (
            *(Kind.SIGNED_IN, Kind.SIGN_IN_FAILED, Kind.TWO_FACTOR_FAILED),
            *(Kind.SIGNED_OUT, Kind.SIGNED_OUT_ELSEWHERE),
        ),
    ),
    "api-keys": ("API keys", tuple(kind for kind in Kind if kind.startswith("api_key_"))),
    "limits": ("Plan and limits", (Kind.PLAN_CHANGED, Kind.LIMITS_CHANGED)),
}
NAMED = {kind for _, kinds in TOPICS.values() for kind in kinds}
TOPICS["account"] = ("Account", tuple(kind for kind in Kind if kind not in NAMED))


class OwnerRequest(HttpRequest):
    user: User


@require_safe
@never_cache
@login_required
def show_account(request: OwnerRequest) -> HttpResponse:
    """Gather what there is to see and change about the account itself."""
    authenticators = Authenticator.objects.filter(user=request.user)
    context = {
        "new_address": EmailAddress.objects.get_new(request.user),
        "has_app": authenticators.filter(type=Authenticator.Type.TOTP).exists(),
        "passkeys": authenticators.filter(type=Authenticator.Type.WEBAUTHN).count(),
        "sessions": len(UserSession.objects.purge_and_list(request.user)),
        "section": "account",
    }
    return render(request, "account/account.html", context)


@require_safe
@never_cache
@login_required
def list_security_events(request: OwnerRequest) -> HttpResponse:
    """List what happened to the account, newest first; a topic or page that is not there is all."""
    events = SecurityEvent.objects.owned_by(request.user.id)
    topic = request.GET.get("about", "")
    if topic in TOPICS:
        events = events.filter(kind__in=TOPICS[topic][1])
    context = {
        "events": Paginator(events, EVENTS_PER_PAGE).get_page(request.GET.get("page")),
        "topics": [("", "Everything"), *((key, label) for key, (label, _) in TOPICS.items())],
        "topic": topic if topic in TOPICS else "",
        "failed_sign_ins_per_hour": FAILED_SIGN_INS_PER_HOUR,
        "section": "security-log",
    }
    return render(request, "accounts/security_log.html", context)
