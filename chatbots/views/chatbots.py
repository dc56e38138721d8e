"""Chatbots: listing, creating, settings, pausing, deleting."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import transaction
from django.forms import model_to_dict
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from chatbots import services
from chatbots.caps import CapReached
from chatbots.forms import PROMPT_TEMPLATES, CreateChatbotForm, NearThresholdForm, SettingsForm
from chatbots.models import Chatbot, Source
from chatbots.near_threshold import questions_near
from chatbots.providers import is_configured
from chatbots.training import add_text, resume_syncs
from chatbots.views.page import (
    access_chatbot,
    just_deleted,
    render_page,
    takes_long_texts,
)
from chatbots.work import work_for_owner
from core.http import OwnerRequest

CHATBOTS_ON_A_PAGE = 50


@require_safe
@login_required
def list_chatbots(request: OwnerRequest) -> HttpResponse:
    """List the chatbots. Directly after one has been deleted, offer to restore it."""
    chatbots = Chatbot.objects.owned_by(request.user.id).with_source_counts()
    chatbots = chatbots.order_by("created_at", "id")  # a count drops the model's own order
    page = Paginator(chatbots, CHATBOTS_ON_A_PAGE).get_page(request.GET.get("page"))
    work = work_for_owner(request.user.id)
    context = {
        "page": page,
        "rows": [(chatbot, work.on_chatbot(chatbot.id)) for chatbot in page],
        "work": work,
        "deleted": just_deleted(request, Chatbot.objects.deleted_by(request.user.id)),
    }
    return render_page(request, "list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@takes_long_texts
def create_chatbot(request: OwnerRequest) -> HttpResponse:
    form = CreateChatbotForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            chatbot = create_with_text(request.user, **form.cleaned_data)
        except CapReached as error:
            form.add_error(None, f"{error}.")
            return render_page(request, "create.html", {"form": form}, status=400)
        messages.success(request, f"“{chatbot.name}” is ready.")
        warn_of_provider(request, chatbot)
        has_source = bool(form.cleaned_data["text"])
        return redirect("chatbot-playground" if has_source else "chatbot", chatbot.id)
    return render_page(request, "create.html", {"form": form}, status=400 if form.errors else 200)


@transaction.atomic
def create_with_text(owner: User, name: str, provider: str, text: str) -> Chatbot:
    chatbot = services.create_chatbot(owner, name, provider=provider)
    if text:
        add_text(chatbot, "First text", text)
    return chatbot


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit_settings(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    """Show and save the settings, with the questions near the threshold: the saved or a tried one.

    A threshold to try comes in the query, and is chosen in the form as well.
    """
    chatbot = access_chatbot(request, chatbot_id)
    near_form = NearThresholdForm.of(chatbot, request.GET)
    shift = near_form.shift
    form = SettingsForm(request.POST or None, initial=model_to_dict(chatbot))
    if request.method != "POST":
        form.initial["threshold_shift"] = shift
    if "fill" in request.POST:
        form = SettingsForm.filled(request.POST.dict())
    elif request.method == "POST" and form.is_valid():
        chatbot.change(**form.changed_settings())
        messages.success(request, "Saved.")
        warn_of_provider(request, chatbot)
        return redirect("chatbot-settings", chatbot.id)
    context = {
        "chatbot": chatbot,
        "form": form,
        "templates": PROMPT_TEMPLATES,
        "near": questions_near(chatbot, shift),
        "near_form": near_form,
        "is_tried": shift != chatbot.threshold_shift,
        "tab": "settings",
    }
    status = 400 if form.errors or near_form.errors else 200
    return render_page(request, "settings.html", context, status=status)


def warn_of_provider(request: OwnerRequest, chatbot: Chatbot) -> None:
    if not is_configured(chatbot.provider):
        messages.warning(
            request,
            f"{chatbot.get_provider_display()} is not set up on this server, so “{chatbot.name}”"
            " cannot answer yet. Ask whoever runs the server to set it up, or choose Built-in.",
        )


@require_POST
@login_required
def pause_chatbot(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    Chatbot.objects.filter(pk=chatbot.pk).update(is_active=False)
    messages.success(request, f"“{chatbot.name}” is paused and does not answer.")
    return redirect("chatbot-settings", chatbot.id)


@require_POST
@login_required
def resume_chatbot(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    Chatbot.objects.filter(pk=chatbot.pk).update(is_active=True)
    messages.success(request, f"“{chatbot.name}” answers again.")
    return redirect("chatbot-settings", chatbot.id)


@require_POST
@login_required
def delete_chatbot(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    chatbot = access_chatbot(request, chatbot_id)
    Chatbot.objects.filter(pk=chatbot.pk).soft_delete()
    return redirect(reverse("chatbots", query={"deleted": str(chatbot.id)}))


@require_POST
@login_required
def restore_chatbot(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    deleted = Chatbot.objects.deleted_by(request.user.id)
    chatbot = get_object_or_404(deleted, id=chatbot_id)
    deleted.filter(id=chatbot_id).restore()
    resume_syncs(Source.objects.alive().filter(chatbot=chatbot))
    messages.success(request, f"“{chatbot.name}” is back.")
    return redirect("chatbot", chatbot.id)
