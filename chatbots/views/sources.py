"""What a chatbot learns from."""

import uuid
from collections.abc import Callable
from typing import NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbots import services
from chatbots.forms import PairSourceForm, TextSourceForm
from chatbots.models import Chatbot, Source
from chatbots.views.page import (
    OwnerRequest,
    access_chatbot,
    just_deleted,
    render_page,
    takes_long_texts,
)


class Kind(NamedTuple):
    form: type[TextSourceForm | PairSourceForm]
    add: Callable[[Chatbot, str, str], Source]
    must_be_telling: str  # the field in which there may be nothing to learn from


KINDS = {
    Source.Type.TEXT: Kind(TextSourceForm, services.add_text_source, "text"),
    Source.Type.QA: Kind(PairSourceForm, services.add_pair_source, "title"),
}


@require_safe
@login_required
def list_sources(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    """List the sources; right after one was deleted, offer to have it back."""
    chatbot = access_chatbot(request, chatbot_id)
    context = {
        "chatbot": chatbot,
        "sources": chatbot.sources.listed(),
        "deleted": just_deleted(request, chatbot.sources.deleted()),
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
    form = kind.form(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            source = kind.add(chatbot, form.cleaned_data["title"], form.cleaned_data["text"])
        except services.NothingToLearn as error:
            form.add_error(kind.must_be_telling, f"{error}.")
        else:
            messages.success(request, f"Added: “{source}”. The chatbot knows it now.")
            return redirect("chatbot", chatbot.id)
    context = {"chatbot": chatbot, "form": form, "source_type": source_type, "tab": "sources"}
    return render_page(request, "add_source.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@takes_long_texts
def edit_source(request: OwnerRequest, chatbot_id: uuid.UUID, source_id: uuid.UUID) -> HttpResponse:
    """Show a source's text and take another in its place."""
    chatbot = access_chatbot(request, chatbot_id)
    source = get_object_or_404(chatbot.sources.editable(), id=source_id)
    current = {"title": source.title, "text": source.text}
    kind = KINDS[Source.Type(source.type)]
    form = kind.form(request.POST or None, initial=current)
    if request.method == "POST" and form.is_valid():
        try:
            services.rewrite_source(source, **form.cleaned_data)
        except Source.DoesNotExist as error:  # deleted meanwhile
            raise Http404 from error
        except services.NothingToLearn as error:
            form.add_error(kind.must_be_telling, f"{error}.")
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
    source = get_object_or_404(chatbot.sources.deleted(), id=source_id)
    chatbot.sources.filter(id=source_id).restore()
    messages.success(request, f"“{source}” is back. The chatbot knows it again.")
    return redirect("chatbot", chatbot.id)
