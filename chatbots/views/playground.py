"""The playground, where owners try their chatbots."""

import json
import logging
import shlex
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from chatbots.answering import Answer, ChatbotPaused, answer_message
from chatbots.chat_streams import chat_stream
from chatbots.citations import Citation, citations_of
from chatbots.conversations import latest_exchanges, playground_session, set_aside
from chatbots.forms import PlaygroundForm, RatingForm, TrialForm
from chatbots.models import Chatbot, Message
from chatbots.providers import is_configured
from chatbots.providers.base import ProviderError
from chatbots.quota import MessageQuotaReached, usage_of
from chatbots.views.page import access_chatbot, render_page
from chatbots.waiting import TooManyWaiting
from core.http import OwnerRequest
from core.streams import wants_events

logger = logging.getLogger(__name__)

# Their values, what the buttons are called, and their icons.
RATINGS = (
    (Message.Rating.UP, "Good answer", "icons/up.html"),
    (Message.Rating.DOWN, "Bad answer", "icons/down.html"),
)
EXAMPLE_QUESTION = "What do you know?"

# What an owner who gets no answer is told, and the status, which is the API's.
REFUSALS = {
    ChatbotPaused: (
        HTTPStatus.BAD_REQUEST,
        "This chatbot is paused. Resume it under Settings, then ask again.",
    ),
    MessageQuotaReached: (
        HTTPStatus.TOO_MANY_REQUESTS,
        "This month's messages are used up. The Usage page says when they start again.",
    ),
    ProviderError: (
        HTTPStatus.BAD_GATEWAY,
        "The provider did not answer, so nothing was counted. Try again in a moment, or choose"
        " another provider under Settings.",
    ),
    TooManyWaiting: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many chats are under way, so this one was not asked. Try again in a moment.",
    ),
}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def show_playground(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponseBase:
    """Show the conversation; answer a question, to the page's script as a stream."""
    chatbot = access_chatbot(request, chatbot_id)
    session_id = playground_session(request.user.id)
    form = PlaygroundForm(request.POST if request.method == "POST" else None)
    if form.is_bound and wants_events(request):
        return answer_script(request, chatbot, session_id, form)
    answer, status = ask(chatbot, session_id, form) if form.is_bound else (None, HTTPStatus.OK)
    context = {
        "form": form if answer is None else PlaygroundForm(),
        "answer": answer,
        "call": curl(chatbot, form.cleaned_data["message"] if answer else EXAMPLE_QUESTION),
    }
    return render_playground(request, chatbot, context, status)


def render_playground(
    request: OwnerRequest, chatbot: Chatbot, context: dict[str, Any], status: HTTPStatus
) -> HttpResponse:
    """Render the page; `context` has what differs from the page as it is opened."""
    session_id = playground_session(request.user.id)
    turns = turns_with_citations(latest_exchanges(chatbot, session_id))
    shared = {
        "chatbot": chatbot,
        "form": PlaygroundForm(),
        "trial": TrialForm.of(chatbot, message=turns[-1].question.text if turns else ""),
        "turns": turns,
        "call": curl(chatbot, EXAMPLE_QUESTION),
        "ratings": RATINGS,
        "session_id": session_id,
        "is_configured": is_configured(chatbot.provider),
        "has_sources": chatbot.sources.alive().exists(),
        "tab": "playground",
    }
    return render_page(request, "playground.html", shared | context, status=status)


class ShownTurn(NamedTuple):
    question: Message
    answer: Message
    citations: Sequence[Citation]


def turns_with_citations(exchanges: Sequence[tuple[Message, Message]]) -> list[ShownTurn]:
    citations = citations_of(answer for _, answer in exchanges)
    return [ShownTurn(question, answer, citations[answer.pk]) for question, answer in exchanges]


def ask(
    chatbot: Chatbot, session_id: str, form: PlaygroundForm
) -> tuple[Answer | None, HTTPStatus]:
    """Answer the form's question, or add to the form why there is no answer."""
    if not form.is_valid():
        return None, HTTPStatus.BAD_REQUEST
    try:
        return answer_message(chatbot, session_id, form.cleaned_data["message"]), HTTPStatus.OK
    except tuple(REFUSALS) as error:
        status, reason = refusal(error)
        form.add_error(None, reason)
        return None, status


def answer_script(
    request: OwnerRequest, chatbot: Chatbot, session_id: str, form: PlaygroundForm
) -> HttpResponseBase:
    """Answer with events, or with a status and why there is no answer."""
    if not form.is_valid():
        reason = next(iter(form.errors.values()))[0]
        return JsonResponse({"detail": str(reason)}, status=HTTPStatus.BAD_REQUEST)
    message = form.cleaned_data["message"]

    def describe(_: Answer) -> dict[str, str]:
        return describe_latest(request, chatbot, session_id)

    try:
        stream = chat_stream(request, chatbot, session_id, message, describe)
    except tuple(REFUSALS) as error:
        status, reason = refusal(error)
        return JsonResponse({"detail": reason}, status=status)
    stream.tell_errors(lambda error: refusal(error)[1])
    return stream


def describe_latest(request: OwnerRequest, chatbot: Chatbot, session_id: str) -> dict[str, str]:
    """Return the parts of the page that are about the last answer, as HTML."""
    [turn] = turns_with_citations(latest_exchanges(chatbot, session_id)[-1:])
    context = {"chatbot": chatbot, "turn": turn, "ratings": RATINGS}
    usage = usage_of(chatbot.owner_id)
    return {
        "id": f"answer-{turn.answer.pk}",
        "foot": render_to_string("chatbots/foot.html", context, request),
        "passages": render_to_string("chatbots/passages.html", context, request),
        "left": f"{usage.left:,} of {usage.allowed:,} are left",
    }


def refusal(error: Exception) -> tuple[HTTPStatus, str]:
    """Log a failure of the provider; return what to tell."""
    if isinstance(error, ProviderError):
        logger.warning("A provider did not answer in the playground: %s", error)
    known = (REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)
    unknown = HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong. Try again in a moment."
    refused = next(known, unknown)
    if refused is unknown:
        logger.error("A stream of the playground broke off", exc_info=error)
    return refused


@require_POST
@login_required
def start_conversation(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    set_aside(chatbot, playground_session(request.user.id))
    return redirect("chatbot-playground", chatbot.id)


@require_POST
@login_required
def rate_answer(request: OwnerRequest, chatbot_id: uuid.UUID, message_id: int) -> HttpResponse:
    """Store what the owner thinks of an answer; the page's script gets the buttons back."""
    chatbot = access_chatbot(request, chatbot_id)
    answers = Message.objects.filter(conversation__chatbot=chatbot, role=Message.Role.ASSISTANT)
    answer = get_object_or_404(answers, pk=message_id)
    form = RatingForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=HTTPStatus.BAD_REQUEST)
    answer.rating = form.cleaned_data["rating"]
    answer.save(update_fields=["rating"])
    if request.accepts("text/html"):
        return redirect(f"{reverse('chatbot-playground', args=[chatbot.id])}#answer-{answer.pk}")
    context = {"chatbot": chatbot, "answer": answer, "ratings": RATINGS}
    html = render_to_string("chatbots/rating.html", context, request)
    return JsonResponse({"html": html})


def curl(chatbot: Chatbot, message: str) -> str:
    """Return a POSIX shell command that asks the same question through the API."""
    url = f"{settings.PUBLIC_URL}/api/v1/chatbots/{chatbot.id}/chat"
    body = json.dumps({"message": message}, ensure_ascii=False)
    return (
        f"curl {url} \\\n"
        "  -H 'Authorization: Bearer ic_…' -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )
