"""Chatbots for HTTP clients with a key."""

import uuid
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Router

from apikeys.lookup import KeyRequest
from chatbots.answering import answer_message
from chatbots.chat_answers import chat_answer, read_include
from chatbots.chat_streams import chat_stream
from chatbots.conversations import default_session
from chatbots.listing import chatbots_as_json, sources_as_json
from chatbots.models import Chatbot, Source
from chatbots.schemas import ChatbotListed, ChatbotOut, ChatIn, ChatOut, SourceOut
from core import paging
from core.streams import EVENTS, EventStream, wants_events

router = Router(tags=["Chatbots"])

CHAT_OPENAPI: dict[str, Any] = {
    "parameters": [
        {
            "in": "query",
            "name": "include",
            "description": "What to add to the answer: `sources` adds sources and fallback, "
            "`usage` adds usage.",
            "required": False,
            "schema": {"type": "string", "pattern": "^(sources|usage)(,(sources|usage))*$"},
            "example": "sources,usage",
        }
    ],
    "responses": {
        200: {
            "content": {
                EVENTS: {
                    "schema": {
                        "type": "string",
                        "description": "With `Accept: text/event-stream`. Events `delta` have "
                        '`{"text"}`, the next piece of the answer. The last event is `done`, with '
                        "the whole answer as JSON has it, or `error` with "
                        '`{"detail"}`; then nothing is counted.',
                    },
                    "example": 'event: delta\ndata: {"text":"60 requests."}\n\n'
                    'event: done\ndata: {"response":"60 requests."}\n\n',
                }
            }
        },
        400: {"description": "Something in the request does not fit, or the chatbot is paused."},
        429: {"description": "The key is over its limit, or the month's messages are used up."},
        502: {"description": "The chatbot's provider did not answer; nothing is counted."},
        503: {"description": "Too many chats are under way; nothing is counted."},
    },
}


@router.get("", response=list[ChatbotListed], openapi_extra=paging.OPENAPI)
def list_chatbots(request: KeyRequest, response: HttpResponse) -> HttpResponse | Iterable[Chatbot]:
    """List the account's chatbots, oldest first."""
    owner_id = request.auth.owner_id
    if not paging.is_paged(request):
        return HttpResponse(chatbots_as_json(owner_id), content_type="application/json")
    return paging.paginate(Chatbot.objects.owned_by(owner_id), request, response)


@router.get("/{chatbot_id}", response=ChatbotOut)
def get_chatbot(request: KeyRequest, chatbot_id: uuid.UUID) -> Chatbot:
    """Return one chatbot."""
    return access_chatbot(request, chatbot_id)


@router.get("/{chatbot_id}/sources", response=list[SourceOut], openapi_extra=paging.OPENAPI)
def list_sources(
    request: KeyRequest, chatbot_id: uuid.UUID, response: HttpResponse
) -> HttpResponse | Iterable[Source]:
    """List what the chatbot was trained on, newest first."""
    chatbot = access_chatbot(request, chatbot_id)
    if not paging.is_paged(request):
        return HttpResponse(sources_as_json(chatbot.id), content_type="application/json")
    return paging.paginate(chatbot.sources.listed(), request, response)


@router.post("/{chatbot_id}/chat", response=ChatOut, exclude_unset=True, openapi_extra=CHAT_OPENAPI)
def chat(
    request: KeyRequest, chatbot_id: uuid.UUID, payload: ChatIn
) -> dict[str, Any] | EventStream:
    """Ask the chatbot; an answer counts one message of the month."""
    include = read_include(request.GET)
    chatbot = access_chatbot(request, chatbot_id)
    session_id = payload.session_id or default_session(chatbot.owner_id)
    describe = partial(chat_answer, include=include, owner_id=chatbot.owner_id)
    if wants_events(request):
        return chat_stream(request, chatbot, session_id, payload.message, describe)
    answer = answer_message(chatbot, session_id, payload.message)
    return describe(answer)


def access_chatbot(request: KeyRequest, chatbot_id: uuid.UUID) -> Chatbot:
    chatbot: Chatbot = get_object_or_404(
        Chatbot.objects.owned_by(request.auth.owner_id), id=chatbot_id
    )
    return chatbot
