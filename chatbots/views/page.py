"""What the chatbots' pages have in common: who may see them, and what stands on all of them."""

import uuid
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from accounts.models import User
from chatbots.models import Chatbot
from chatbots.quota import usage_of

P = ParamSpec("P")
M = TypeVar("M", bound=Model)


class OwnerRequest(HttpRequest):
    user: User


def access_chatbot(request: OwnerRequest, chatbot_id: uuid.UUID) -> Chatbot:
    chatbot: Chatbot = get_object_or_404(Chatbot.objects.owned_by(request.user.id), id=chatbot_id)
    return chatbot


def just_deleted(request: OwnerRequest, deleted: QuerySet[M]) -> M | None:
    """Return what the address says was deleted a moment ago, if it is among these."""
    try:
        return deleted.filter(id=uuid.UUID(request.GET["deleted"])).first()
    except (KeyError, ValueError):
        return None


def render_page(
    request: OwnerRequest, template: str, context: dict[str, Any], status: int = HTTPStatus.OK
) -> HttpResponse:
    """Render a page that tells its reader when the month's messages run out."""
    shared = {"section": "chatbots", "usage": usage_of(request.user.id)}
    return render(request, f"chatbots/{template}", shared | context, status=status)


def takes_long_texts(
    view: Callable[Concatenate[OwnerRequest, P], HttpResponse],
) -> Callable[Concatenate[OwnerRequest, P], HttpResponse]:
    """Require sign-in and CSRF token, and say in words that a text was too long to be received.

    A body that is too long cannot be read for its token. Django's middleware would end in a bare
    error page, so the token is checked in here instead.
    """
    protected = csrf_protect(login_required(view))

    @csrf_exempt
    @wraps(view)
    def respond(request: OwnerRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return protected(request, *args, **kwargs)
        except RequestDataTooBig:
            messages.error(
                request,
                "That was too long to send at once: the limit is 1 MB, which is 500,000 plain"
                " characters. Nothing was saved. Split the text and add its parts one by one.",
            )
            return redirect(request.path)

    return respond
