"""Chatbots for HTTP clients with a key."""

import uuid

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Router

from apikeys.models import ActiveKey
from chatbots.conversations import default_session
from chatbots.models import Chatbot, Source, list_as_json
from chatbots.schemas import ChatbotListed, ChatbotOut, ChatIn, ChatOut, SourceOut
from chatbots.services import answer_message

router = Router(tags=["Chatbots"])


class KeyRequest(HttpRequest):
    auth: ActiveKey


@router.get("", response=list[ChatbotListed])
def list_chatbots(request: KeyRequest) -> HttpResponse:
    """List the account's chatbots, oldest first."""
    return HttpResponse(list_as_json(request.auth.owner_id), content_type="application/json")


@router.get("/{chatbot_id}", response=ChatbotOut)
def get_chatbot(request: KeyRequest, chatbot_id: uuid.UUID) -> Chatbot:
    """Return one chatbot."""
    return access_chatbot(request, chatbot_id)


@router.get("/{chatbot_id}/sources", response=list[SourceOut])
def list_sources(request: KeyRequest, chatbot_id: uuid.UUID) -> QuerySet[Source]:
    """List what the chatbot was trained on, newest first."""
    return access_chatbot(request, chatbot_id).sources.listed()


@router.post(
    "/{chatbot_id}/chat",
    response=ChatOut,
    openapi_extra={
        "responses": {
            400: {"description": "The body does not fit, or the chatbot is paused."},
            429: {"description": "The key is over its limit, or the month's messages are used up."},
            502: {"description": "The chatbot's provider did not answer; nothing is counted."},
            503: {"description": "Too many chats are under way; nothing is counted."},
        }
    },
)
def chat(request: KeyRequest, chatbot_id: uuid.UUID, payload: ChatIn) -> dict[str, str]:
    """Ask the chatbot; an answer counts one message of the month."""
    chatbot = access_chatbot(request, chatbot_id)
    session_id = payload.session_id or default_session(chatbot.owner_id)
    return {"response": answer_message(chatbot, session_id, payload.message).text}


def access_chatbot(request: KeyRequest, chatbot_id: uuid.UUID) -> Chatbot:
    chatbot: Chatbot = get_object_or_404(
        Chatbot.objects.owned_by(request.auth.owner_id), id=chatbot_id
    )
    return chatbot
