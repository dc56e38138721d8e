"""Sources: listing, adding, rewriting, deleting."""

import uuid
from collections.abc import Callable
from typing import NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbots.answering import try_message
from chatbots.caps import CapReached
from chatbots.forms import PairSourceForm, TextSourceForm
from chatbots.insights import forget_study
from chatbots.knowledge.learning import NothingToLearn
from chatbots.knowledge.teaching import add_pair_source
from chatbots.models import TITLE_MAX_LENGTH, Chatbot, Source
from chatbots.training import add_text, resume_syncs, rewrite_source
from chatbots.views.page import (
    access_chatbot,
    just_deleted,
    render_page,
    takes_long_texts,
)
from chatbots.views.playground import REFUSALS, refusal
from chatbots.work import work_for_chatbot
from core.http import OwnerRequest

SOURCES_ON_A_PAGE = 50


class Kind(NamedTuple):
    form: type[TextSourceForm | PairSourceForm]
    add: Callable[[Chatbot, str, str], Source]
    learned_field: str  # the field to which NothingToLearn refers


# What is said of a source that was added, by whether a worker still learns it.
LEARNT = {False: "The chatbot knows it now.", True: "The chatbot knows it in a minute."}
KINDS = {
    Source.Type.TEXT: Kind(TextSourceForm, add_text, "text"),
    Source.Type.QA: Kind(PairSourceForm, add_pair_source, "title"),
}


@require_safe
@login_required
def list_sources(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    """List the sources. Directly after one has been deleted, offer to restore it."""
    chatbot = access_chatbot(request, chatbot_id)
    page = Paginator(chatbot.sources.listed(), SOURCES_ON_A_PAGE).get_page(request.GET.get("page"))
    work = work_for_chatbot(chatbot.id)
    context = {
        "chatbot": chatbot,
        "page": page,
        "rows": [(source, work.on_source(source.id)) for source in page],
        "work": work,
        "deleted": just_deleted(request, chatbot.sources.restorable()),
        "tab": "sources",
    }
    return render_page(request, "sources.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@takes_long_texts
def add_source(
    request: OwnerRequest, chatbot_id: uuid.UUID, source_type: Source.Type
) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    kind = KINDS[source_type]
    asked = request.GET.get("question", "")[:TITLE_MAX_LENGTH]
    form = kind.form(request.POST or None, initial={"title": asked})
    if asked and not form.is_bound:
        form.focus(["text"])
    if request.method == "POST" and form.is_valid():
        try:
            source = kind.add(chatbot, form.cleaned_data["title"], form.cleaned_data["text"])
        except NothingToLearn as error:
            form.add_error(kind.learned_field, f"{error}.")
        except CapReached as error:
            form.add_error(None, f"{error}.")
        else:
            if asked:
                return show_new_answer(request, chatbot, source)
            messages.success(request, f"Added: “{source}”. {LEARNT[source.is_busy]}")
            return redirect("chatbot", chatbot.id)
    context = {"chatbot": chatbot, "form": form, "source_type": source_type, "tab": "sources"}
    return render_page(request, "add_source.html", context, status=400 if form.errors else 200)


def show_new_answer(request: OwnerRequest, chatbot: Chatbot, source: Source) -> HttpResponse:
    """Ask what had no answer before, and go back to where the owner saw that."""
    forget_study(chatbot.id)
    try:
        answer = try_message(chatbot, source.title).text
        messages.success(request, f"Added. Asked “{source.title}”, it now answers: “{answer}”")
    except tuple(REFUSALS) as error:
        _, reason = refusal(error)
        messages.warning(request, f"Added, but it was not asked. {reason}")
    return redirect("chatbot-insights", chatbot.id)


@require_http_methods(["GET", "HEAD", "POST"])
@takes_long_texts
def edit_source(request: OwnerRequest, chatbot_id: uuid.UUID, source_id: uuid.UUID) -> HttpResponse:
    """Show a source's text, or replace it."""
    chatbot = access_chatbot(request, chatbot_id)
    source = get_object_or_404(chatbot.sources.editable(), id=source_id)
    current = {"title": source.title, "text": source.text}
    kind = KINDS[Source.Type(source.type)]
    form = kind.form(request.POST or None, initial=current)
    if request.method == "POST" and form.is_valid():
        try:
            rewrite_source(source, **form.cleaned_data)
        except Source.DoesNotExist as error:  # deleted meanwhile
            raise Http404 from error
        except NothingToLearn as error:
            form.add_error(kind.learned_field, f"{error}.")
        else:
            messages.success(request, "Saved. The chatbot answers from the new text.")
            return redirect("source", chatbot.id, source.id)
    context = {"chatbot": chatbot, "source": source, "form": form, "tab": "sources"}
    return render_page(request, "source.html", context, status=400 if form.errors else 200)


@require_POST
@login_required
def delete_source(
    request: OwnerRequest, chatbot_id: uuid.UUID, source_id: uuid.UUID
) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    get_object_or_404(chatbot.sources.listed(), id=source_id)
    chatbot.sources.filter(id=source_id).soft_delete()
    return redirect(reverse("chatbot", args=[chatbot.id], query={"deleted": str(source_id)}))


@require_POST
@login_required
def restore_source(
    request: OwnerRequest, chatbot_id: uuid.UUID, source_id: uuid.UUID
) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    source = get_object_or_404(chatbot.sources.restorable(), id=source_id)
    chatbot.sources.filter(id=source_id).restore()
    resume_syncs(chatbot.sources.filter(id=source_id))
    messages.success(request, f"“{source}” is back. The chatbot knows it again.")
    return redirect("chatbot", chatbot.id)
