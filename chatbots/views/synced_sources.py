"""Sources that a worker reads: adding sites and files, watching their progress, syncing again."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chatbots import training
from chatbots.caps import CapReached
from chatbots.forms import FileSourceForm, ResyncForm, UrlSourceForm
from chatbots.knowledge.syncing.sync import progress
from chatbots.models import Chatbot, Source
from chatbots.views.page import access_chatbot, render_page, takes_file
from chatbots.work import work_for_chatbot
from core.http import OwnerRequest

PAGES_ON_A_PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def add_url(request: OwnerRequest, chatbot_id: uuid.UUID, *, is_site: bool) -> HttpResponse:
    """Ask for one address, and have a worker read the site or page there."""
    chatbot = access_chatbot(request, chatbot_id)
    form = UrlSourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            source = training.add_url_source(chatbot, form.cleaned_data["url"], is_site=is_site)
        except CapReached as error:
            form.add_error(None, f"{error}.")
        else:
            return redirect("source-pages", chatbot.id, source.id)
    context = {
        "chatbot": chatbot,
        "form": form,
        "is_site": is_site,
        "max_pages": request.user.plan.max_pages_per_source,
        "tab": "sources",
    }
    return render_page(request, "add_url.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@takes_file
def add_file(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    """Ask for a file, and have a worker read it."""
    chatbot = access_chatbot(request, chatbot_id)
    most = request.user.plan.max_file_megabytes
    is_sent = request.method == "POST"
    form = FileSourceForm(
        request.POST if is_sent else None, request.FILES if is_sent else None, max_megabytes=most
    )
    if is_sent and form.is_valid():
        try:
            source = training.add_file_source(chatbot, form.cleaned_data["file"])
        except CapReached as error:
            form.add_error(None, f"{error}.")
        else:
            return redirect("source-pages", chatbot.id, source.id)
    context = {"chatbot": chatbot, "form": form, "tab": "sources"}
    return render_page(request, "add_file.html", context, status=400 if form.errors else 200)


@require_safe
@login_required
def list_pages(request: OwnerRequest, chatbot_id: uuid.UUID, source_id: uuid.UUID) -> HttpResponse:
    """Show a source's progress and its pages; those that failed come first, with their reasons."""
    chatbot = access_chatbot(request, chatbot_id)
    source = access_source(chatbot, source_id)
    shown = source.pages.defer("text", "reading").order_by("-state", "url", "id")
    number = progress(source)
    work = work_for_chatbot(chatbot.id)
    context = {
        "chatbot": chatbot,
        "source": source,
        "progress": number,
        "work": work,
        "doing": work.on_source(source.id),
        "page": Paginator(shown, PAGES_ON_A_PAGE).get_page(request.GET.get("page")),
        "form": ResyncForm(initial={"resync": source.resync}),
        "full": source.is_site and number["found"] >= request.user.plan.max_pages_per_source,
        "tab": "sources",
    }
    return render_page(request, "source_pages.html", context)


@require_safe
@login_required
def show_page(
    request: OwnerRequest, chatbot_id: uuid.UUID, source_id: uuid.UUID, page_id: int
) -> HttpResponse:
    """Show what the chatbot sees of a page."""
    chatbot = access_chatbot(request, chatbot_id)
    source = access_source(chatbot, source_id)
    page = get_object_or_404(source.pages.defer("reading"), id=page_id)
    context = {"chatbot": chatbot, "source": source, "shown": page, "tab": "sources"}
    return render_page(request, "source_page.html", context)


@require_POST
@login_required
def sync_again(request: OwnerRequest, chatbot_id: uuid.UUID, source_id: uuid.UUID) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    source = access_source(chatbot, source_id)
    training.request_sync(Source.objects.filter(pk=source.pk))
    return redirect("source-pages", chatbot.id, source.id)


@require_POST
@login_required
def cancel_sync(request: OwnerRequest, chatbot_id: uuid.UUID, source_id: uuid.UUID) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    source = access_source(chatbot, source_id)
    training.request_cancel(source)
    messages.success(request, "Cancelled. The chatbot answers from what it knew before.")
    return redirect("source-pages", chatbot.id, source.id)


@require_POST
@login_required
def schedule_syncs(
    request: OwnerRequest, chatbot_id: uuid.UUID, source_id: uuid.UUID
) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    source = access_source(chatbot, source_id)
    form = ResyncForm(request.POST)
    if form.is_valid():
        training.set_resync(source, form.cleaned_data["resync"])
        messages.success(request, "Saved.")
    return redirect("source-pages", chatbot.id, source.id)


def access_source(chatbot: Chatbot, source_id: uuid.UUID) -> Source:
    source: Source = get_object_or_404(
        chatbot.sources.listed().filter(type__in=Source.SYNCED), id=source_id
    )
    return source
