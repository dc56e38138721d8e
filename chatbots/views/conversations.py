"""What visitors asked and were told: finding, reading, exporting and deleting conversations."""

import re
import uuid
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Count, Window
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from chatbots.citations import citations_of
from chatbots.conversations import default_session, playground_session
from chatbots.deletion import delete_conversation
from chatbots.export import FILE_TYPES, read_messages
from chatbots.forms import FindForm
from chatbots.models import Chatbot, Conversation
from chatbots.models.conversation import ConversationQuerySet, has_fallback, has_rated_down
from chatbots.views.page import access_chatbot, render_page
from core.http import OwnerRequest

CONVERSATIONS_ON_A_PAGE = 25
MESSAGES_ON_A_PAGE = 50
EXPORTED_MAX = 10_000


def named_sessions(owner_id: uuid.UUID) -> dict[str, str]:
    """Return the sessions that the pages call by a name instead of their id."""
    return {"playground": playground_session(owner_id), "default": default_session(owner_id)}


@require_safe
@login_required
def list_conversations(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    """List the conversations, latest first; with a query those that fit it."""
    chatbot = access_chatbot(request, chatbot_id)
    form = FindForm(request.GET)
    is_valid = form.is_valid()
    found = find_conversations(chatbot, form)
    turn_to = page_of_search if form.cleaned_data.get("q") else page_of_list
    page = turn_to(found, request.GET.get("page", "1"))
    # Only now, since PostgreSQL would count the messages of all pages before this one too.
    listed = Conversation.objects.filter(pk__in=list(page.object_list))
    page.object_list = (
        listed.with_message_counts().with_first_questions().order_by("-last_message_at", "-id")
    )
    context = {
        "chatbot": chatbot,
        "form": form,
        "is_filtered": any(form.cleaned_data.values()),
        "page": page,
        "query": request.GET.urlencode(),
        "export_max": EXPORTED_MAX,
        "sessions": named_sessions(request.user.id),
        "tab": "conversations",
    }
    status = HTTPStatus.OK if is_valid else HTTPStatus.BAD_REQUEST
    return render_page(request, "conversations.html", context, status=status)


def page_of_list(found: ConversationQuerySet, number: str) -> Page[Any]:
    """Return the ids of the conversations on a page."""
    return Paginator(found.values_list("pk", flat=True), CONVERSATIONS_ON_A_PAGE).get_page(number)


def page_of_search(found: ConversationQuerySet, number: str) -> Page[Any]:
    """Find a page and the number of all rows by one query, since it is the search that costs."""
    if not re.fullmatch("[1-9][0-9]{0,5}", number):
        return page_of_list(found, number)
    start = (int(number) - 1) * CONVERSATIONS_ON_A_PAGE
    numbered = found.values_list("pk", Window(Count("pk")))
    rows = list(numbered[start : start + CONVERSATIONS_ON_A_PAGE])
    if start and not rows:
        return page_of_list(found, number)  # there are fewer pages: the last one is shown
    ids = [pk for pk, _ in rows]
    pages = Paginator(ids, CONVERSATIONS_ON_A_PAGE)
    pages.count = rows[0][1] if rows else 0
    return Page(ids, int(number), pages)


def page_with(conversation: Conversation, message: str) -> int:
    """Return the number of the page that has the message; the first for what is no message."""
    if not re.fullmatch("[0-9]{1,18}", message):
        return 1
    before = conversation.messages.filter(pk__lt=int(message)).count()
    return before // MESSAGES_ON_A_PAGE + 1


@require_safe
@never_cache
@login_required
def show_conversation(
    request: OwnerRequest, chatbot_id: uuid.UUID, conversation_id: int
) -> HttpResponse:
    """Show a conversation, which is read from then on; with `message` the page that has it."""
    chatbot = access_chatbot(request, chatbot_id)
    conversation = access_conversation(chatbot, conversation_id)
    pages = Paginator(conversation.messages.all(), MESSAGES_ON_A_PAGE)
    number = request.GET.get("page") or page_with(conversation, request.GET.get("message", ""))
    page = pages.get_page(number)
    citations = citations_of(page)
    context = {
        "chatbot": chatbot,
        "conversation": conversation,
        "sessions": named_sessions(request.user.id),
        "page": page,
        "thread": [(message, citations[message.pk]) for message in page],
        "tab": "conversations",
    }
    if conversation.is_unread:
        Conversation.objects.filter(pk=conversation.pk).update(read_at=timezone.now())
    return render_page(request, "conversation.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def remove_conversation(
    request: OwnerRequest, chatbot_id: uuid.UUID, conversation_id: int
) -> HttpResponse:
    """Ask whether to delete a conversation, naming what goes; a POST deletes it for good."""
    chatbot = access_chatbot(request, chatbot_id)
    conversation = access_conversation(chatbot, conversation_id)
    if request.method == "POST":
        delete_conversation(conversation)
        messages.success(request, "The conversation is deleted.")
        return redirect("conversations", chatbot.id)
    context = {
        "chatbot": chatbot,
        "conversation": conversation,
        "message_count": conversation.messages.count(),
        "sessions": named_sessions(request.user.id),
        "tab": "conversations",
    }
    return render_page(request, "delete_conversation.html", context)


@require_safe
@never_cache
@login_required
def export_conversations(
    request: OwnerRequest, chatbot_id: uuid.UUID, file_type: str
) -> HttpResponseBase:
    """Send the messages of the conversations that fit the query as a file, part by part.

    The latest EXPORTED_MAX conversations are in it, oldest first.
    """
    chatbot = access_chatbot(request, chatbot_id)
    form = FindForm(request.GET)
    if not form.is_valid():
        raise Http404
    latest = find_conversations(chatbot, form).values_list("id", flat=True)[:EXPORTED_MAX]
    content_type, write = FILE_TYPES[file_type]
    batches = read_messages(sorted(latest))
    response = StreamingHttpResponse(write(batches), content_type=content_type)
    name = f"{chatbot.slug}-{timezone.now():%Y-%m-%d}.{file_type}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def find_conversations(chatbot: Chatbot, form: FindForm) -> ConversationQuerySet:
    """Return the conversations that fit the form; what it does not say or says wrong is left out.

    They are ordered by their latest message.
    """
    found = Conversation.objects.filter(chatbot=chatbot).order_by("-last_message_at", "-id")
    wanted = form.cleaned_data
    if wanted.get("q"):
        found = found.search(wanted["q"])
    if wanted.get("day"):
        found = found.on_day(wanted["day"])
    match wanted.get("show"):
        case FindForm.UNREAD:
            found = found.unread()
        case FindForm.ANSWERED:
            found = found.filter(~has_fallback())
        case FindForm.FALLBACK:
            found = found.filter(has_fallback())
        case FindForm.RATED_DOWN:
            found = found.filter(has_rated_down())
    return found


def access_conversation(chatbot: Chatbot, conversation_id: int) -> Conversation:
    conversation: Conversation = get_object_or_404(chatbot.conversations, id=conversation_id)
    return conversation
