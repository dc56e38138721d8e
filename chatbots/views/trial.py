"""Trying other settings in the playground before they are saved."""

import uuid
from copy import copy
from http import HTTPStatus
from typing import NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from chatbots.answering import Answer, try_message
from chatbots.forms import TrialForm
from chatbots.models import Chatbot
from chatbots.views.page import access_chatbot
from chatbots.views.playground import REFUSALS, refusal, render_playground
from core.http import OwnerRequest


class Tried(NamedTuple):
    """What came of asking with some settings: an answer, or why there is none."""

    label: str
    answer: Answer | None
    reason: str = ""


@require_POST
@login_required
def try_settings(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    """Show the answers with the chatbot's settings and with the form's, or save the form's."""
    chatbot = access_chatbot(request, chatbot_id)
    is_saved = "save" in request.POST
    form = TrialForm.of(chatbot, request.POST)
    form.fields["message"].required = not is_saved
    if not form.is_valid():
        return render_playground(request, chatbot, {"trial": form}, HTTPStatus.BAD_REQUEST)
    changes = {name: form.cleaned_data[name] for name in TrialForm.SETTINGS}
    if is_saved:
        chatbot.change(**changes)
        messages.success(request, "Saved. It answers with these settings from now on.")
        return redirect("chatbot-playground", chatbot.id)
    changed = copy(chatbot)
    for name, value in changes.items():
        setattr(changed, name, value)
    message = form.cleaned_data["message"]
    comparison = [
        tried("With the saved settings", chatbot, message),
        tried("With the new settings", changed, message),
    ]
    context = {"trial": form, "asked": message, "comparison": comparison}
    return render_playground(request, chatbot, context, HTTPStatus.OK)


def tried(label: str, chatbot: Chatbot, message: str) -> Tried:
    try:
        return Tried(label, try_message(chatbot, message))
    except tuple(REFUSALS) as error:
        return Tried(label, None, refusal(error)[1])
