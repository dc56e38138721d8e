"""What the chatbots' pages share: access to chatbots, rendering, and long texts."""

import uuid
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from chatbots.models import Chatbot
from chatbots.quota import usage_of
from chatbots.work import work_for_chatbot
from core.http import OwnerRequest

MEGABYTE = 1024 * 1024
FORM_BYTES = 64 * 1024  # what a form adds to its file
DISCARDED_MEGABYTES = 200
P = ParamSpec("P")
M = TypeVar("M", bound=Model)


def access_chatbot(request: OwnerRequest, chatbot_id: uuid.UUID) -> Chatbot:
    chatbot: Chatbot = get_object_or_404(Chatbot.objects.owned_by(request.user.id), id=chatbot_id)
    return chatbot


def just_deleted(request: OwnerRequest, deleted: QuerySet[M]) -> M | None:
    """Return the row that the address names as deleted a moment ago, if there is one."""
    try:
        return deleted.filter(id=uuid.UUID(request.GET["deleted"])).first()
    except (KeyError, ValueError):
        return None


def render_page(
    request: OwnerRequest, template: str, context: dict[str, Any], status: int = HTTPStatus.OK
) -> HttpResponse:
    """Render a page: with a notice when the month's messages run out, and what is under way."""
    shared: dict[str, Any] = {"section": "chatbots", "usage": usage_of(request.user.id)}
    if "chatbot" in context and "work" not in context:
        shared["work"] = work_for_chatbot(context["chatbot"].id)
    return render(request, f"chatbots/{template}", shared | context, status=status)


def takes_file(
    view: Callable[Concatenate[OwnerRequest, P], HttpResponse],
) -> Callable[Concatenate[OwnerRequest, P], HttpResponse]:
    """Require a sign-in and a CSRF token, and answer a body beyond the plan's limit with a message.

    Django's middleware would store such a body on disk while it looks for the token.
    """
    protected = csrf_protect(view)

    @csrf_exempt
    @login_required
    @wraps(view)
    def respond(request: OwnerRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        most = request.user.plan.max_file_megabytes
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > most * MEGABYTE + FORM_BYTES:
            discard_body(request)
            messages.error(request, f"That file is larger than {most} MB. Nothing was saved.")
            return redirect(request.path)
        return protected(request, *args, **kwargs)

    return respond


def discard_body(request: OwnerRequest) -> None:
    """Read so much of a body that a browser reads the answer; it gives up on longer ones."""
    for _ in range(DISCARDED_MEGABYTES):
        if not request.read(MEGABYTE):
            break


def takes_long_texts(
    view: Callable[Concatenate[OwnerRequest, P], HttpResponse],
) -> Callable[Concatenate[OwnerRequest, P], HttpResponse]:
    """Require a sign-in and a CSRF token, and answer a body that is too large with a message.

    Such a body cannot be parsed for its token, which Django's middleware would answer with a bare
    error page. Therefore the view is exempt from the middleware and checks the token here.
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
