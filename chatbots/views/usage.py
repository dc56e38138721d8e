"""The month's messages: how many are used, and by which chatbots."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from chatbots.quota import usage_by_chatbot
from chatbots.views.page import render_page
from core.http import OwnerRequest


@require_safe
@login_required
def show_usage(request: OwnerRequest) -> HttpResponse:
    context = {"section": "usage", "shares": usage_by_chatbot(request.user.id)}
    return render_page(request, "usage.html", context)
