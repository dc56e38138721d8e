"""Trying a chatbot out, and what has been said to it."""

import json
import logging
import shlex
import uuid
from http import HTTPStatus

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods, require_safe

from chatbots.conversations import default_session, playground_session
from chatbots.forms import PlaygroundForm
from chatbots.models import Chatbot, Conversation
from chatbots.providers import is_configured
from chatbots.providers.base import ProviderError
from chatbots.quota import MessageQuotaReached
from chatbots.services import Answer, ChatbotPaused, answer_message
from chatbots.views.page import OwnerRequest, access_chatbot, render_page
from chatbots.waiting import TooManyWaiting

logger = logging.getLogger(__name__)

CONVERSATIONS_ON_A_PAGE = 25
MESSAGES_ON_A_PAGE = 50
EXAMPLE = "What do you know?"

# What to tell an owner who gets no answer, and the status that the API gives for it.
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
def playground(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    session_id = playground_session(request.user.id)
    form = PlaygroundForm(request.POST if request.method == "POST" else None)
    answer, status = ask(chatbot, session_id, form) if form.is_bound else (None, HTTPStatus.OK)
    context = {
        "chatbot": chatbot,
        "form": form,
        "answer": answer,
        "session_id": session_id,
        "is_configured": is_configured(chatbot.provider),
        "knows_something": chatbot.sources.alive().exists(),
        "call": curl(chatbot, form.cleaned_data["message"] if answer else EXAMPLE),
        "tab": "playground",
    }
    return render_page(request, "playground.html", context, status=status)


def ask(
    chatbot: Chatbot, session_id: str, form: PlaygroundForm
) -> tuple[Answer | None, HTTPStatus]:
    """Answer the form's question, or say in the form why there is no answer."""
    if not form.is_valid():
        return None, HTTPStatus.BAD_REQUEST
    try:
        return answer_message(chatbot, session_id, form.cleaned_data["message"]), HTTPStatus.OK
    except tuple(REFUSALS) as error:
        status, words = next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)
        form.add_error(None, words)
        if isinstance(error, ProviderError):
            logger.warning("A provider did not answer in the playground: %s", error)
        return None, status


def curl(chatbot: Chatbot, message: str) -> str:
    """Return a command for a POSIX shell that asks the same through the API."""
    url = f"{settings.PUBLIC_URL.rstrip('/')}/api/v1/chatbots/{chatbot.id}/chat"
    body = json.dumps({"message": message}, ensure_ascii=False)
    return (
        f"curl {url} \\\n"
        "  -H 'Authorization: Bearer ic_…' -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def named_sessions(owner_id: uuid.UUID) -> dict[str, str]:
    """Return the sessions whose ids mean something to the owner."""
    return {"playground": playground_session(owner_id), "default": default_session(owner_id)}


@require_safe
@login_required
def list_conversations(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    conversations = Conversation.objects.filter(chatbot=chatbot).with_message_counts()
    pages = Paginator(conversations.order_by("-last_message_at", "-id"), CONVERSATIONS_ON_A_PAGE)
    page = pages.get_page(request.GET.get("page"))
    context = {
        "chatbot": chatbot,
        "page": page,
        "sessions": named_sessions(request.user.id),
        "tab": "conversations",
    }
    return render_page(request, "conversations.html", context)


@require_safe
@login_required
def show_conversation(
    request: OwnerRequest, chatbot_id: uuid.UUID, conversation_id: int
) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    conversation = get_object_or_404(chatbot.conversations, id=conversation_id)
    pages = Paginator(conversation.messages.all(), MESSAGES_ON_A_PAGE)
    context = {
        "chatbot": chatbot,
        "conversation": conversation,
        "sessions": named_sessions(request.user.id),
        "page": pages.get_page(request.GET.get("page")),
        "tab": "conversations",
    }
    return render_page(request, "conversation.html", context)
