"""Dashboard → Security log."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.http import OwnerRequest
from securitylog.kinds import TOPICS, of_topic
from securitylog.models import SecurityEvent
from securitylog.recording import FAILED_SIGN_INS_PER_HOUR

EVENTS_PER_PAGE = 25


@require_safe
@never_cache
@login_required
def list_security_events(request: OwnerRequest) -> HttpResponse:
    """List what happened to the account, newest first.

    An unknown topic shows every event; a page number out of range shows the nearest page.
    """
    events = SecurityEvent.objects.owned_by(request.user.pk)
    topics = {topic.slug: topic for topic in TOPICS}
    topic = topics.get(request.GET.get("about", ""))
    if topic:
        events = events.filter(kind__in=of_topic(topic))
    context = {
        "events": Paginator(events, EVENTS_PER_PAGE).get_page(request.GET.get("page")),
        "topics": [("", "Everything"), *TOPICS],
        "topic": topic.slug if topic else "",
        "failed_sign_ins_per_hour": FAILED_SIGN_INS_PER_HOUR,
        "section": "security-log",
    }
    return render(request, "securitylog/security_log.html", context)
