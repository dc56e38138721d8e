"""The one table of what each exception means to an HTTP client of the API."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from ninja.errors import HttpError, ValidationError

from apikeys.services import ApiKeyNotFound, KeyCapReached
from chatbots.providers.base import ProviderError
from chatbots.quota import MessageQuotaReached
from chatbots.services import ChatbotPaused
from chatbots.waiting import TooManyWaiting
from insitechat.parser import UnreadableBody
from ratelimit.limits import LimitExceeded
from ratelimit.middleware import add_fields

logger = logging.getLogger(__name__)


class Meaning(NamedTuple):
    """A status, the detail (a text, or made from the exception), and how loudly to log it."""

    status: HTTPStatus
    detail: str | Callable[[Any], str]
    log_level: int = logging.NOTSET


def name_field(error: ValidationError) -> str:
    """Say which field does not fit and why; the first one, where there are several."""
    first = error.errors[0]
    # The location is (source, name of the parameter, field, …); the body as a whole has no field.
    field = ".".join(str(part) for part in first["loc"][2:]) or first["loc"][0]
    return f"{field}: {first['msg']}"


def unreadable(error: HttpError) -> str:
    """Say what Ninja's own refusals say, but the reason where a body could not be read."""
    cause = error.__cause__
    return str(cause) if isinstance(cause, UnreadableBody) else str(error)


# A server that has become a standby, until the other one answers at its address.
READ_ONLY_TRANSACTION = "25006"
UNAVAILABLE = Meaning(
    HTTPStatus.SERVICE_UNAVAILABLE, "Service temporarily unavailable.", logging.ERROR
)
MEANINGS: dict[type[Exception], Meaning] = {
    ApiKeyNotFound: Meaning(HTTPStatus.NOT_FOUND, "API key not found."),
    KeyCapReached: Meaning(
        HTTPStatus.BAD_REQUEST, lambda error: f"Maximum {error.cap} active API keys allowed."
    ),
    LimitExceeded: Meaning(
        HTTPStatus.TOO_MANY_REQUESTS,
        lambda error: (
            f"API rate limit exceeded. Max {error.decision.limit.requests} requests per minute."
        ),
    ),
    ChatbotPaused: Meaning(HTTPStatus.BAD_REQUEST, "Chatbot is paused."),
    MessageQuotaReached: Meaning(HTTPStatus.TOO_MANY_REQUESTS, "Monthly message limit reached."),
    ProviderError: Meaning(
        HTTPStatus.BAD_GATEWAY, "The chatbot's provider did not answer.", logging.WARNING
    ),
    TooManyWaiting: Meaning(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many chats are under way. Try again in a moment.",
        logging.WARNING,
    ),
    ValidationError: Meaning(HTTPStatus.BAD_REQUEST, name_field),
    Http404: Meaning(HTTPStatus.NOT_FOUND, "Not Found"),
    RequestDataTooBig: Meaning(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large."),
    MultiPartParserError: Meaning(HTTPStatus.BAD_REQUEST, "body: not valid multipart/form-data"),
    UnreadablePostError: Meaning(HTTPStatus.BAD_REQUEST, "body: could not be read to its end"),
    SuspiciousOperation: Meaning(HTTPStatus.BAD_REQUEST, "Bad Request"),
    BadRequest: Meaning(HTTPStatus.BAD_REQUEST, "Bad Request"),
    OperationalError: UNAVAILABLE,
    InterfaceError: UNAVAILABLE,
    Exception: Meaning(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error", logging.ERROR),
}


def answer(request: HttpRequest, error: Exception) -> JsonResponse:
    """Turn an exception into the answer that it means, and log what is not the client's fault."""
    if isinstance(error, ValidationError) and error.errors[0]["loc"][0] == "path":
        error = Http404()  # what is not shaped like an id is nobody's id
    if isinstance(error, HttpError):
        return error_response(error.status_code, unreadable(error))
    meaning = meaning_of(error)
    if meaning.log_level:
        report(request, error, meaning)
    detail = meaning.detail if isinstance(meaning.detail, str) else meaning.detail(error)
    response = error_response(meaning.status, detail)
    if isinstance(error, LimitExceeded):
        add_fields(response, error.decision)
    return response


def meaning_of(error: Exception) -> Meaning:
    if getattr(error.__cause__, "sqlstate", None) == READ_ONLY_TRANSACTION:
        return UNAVAILABLE
    return next(MEANINGS[kind] for kind in type(error).__mro__ if kind in MEANINGS)


def report(request: HttpRequest, error: Exception, meaning: Meaning) -> None:
    unexpected = meaning.status == HTTPStatus.INTERNAL_SERVER_ERROR
    exc_info = error if unexpected else None
    logger.log(meaning.log_level, "%s: %s", meaning.status.phrase, error, exc_info=exc_info)
    if unexpected:
        got_request_exception.send(sender=None, request=request)


def error_response(status: int, detail: str) -> JsonResponse:
    response = JsonResponse({"detail": detail}, status=status)
    response["Content-Length"] = str(len(response.content))
    return response


def as_json(response: HttpResponse) -> HttpResponse:
    """Make JSON of an error page that Django or Ninja wrote; leave other answers as they are."""
    is_json = response.headers.get("Content-Type") == "application/json"
    if response.status_code >= HTTPStatus.BAD_REQUEST and not is_json:
        replacement = error_response(response.status_code, HTTPStatus(response.status_code).phrase)
        response.content = replacement.content
        for name, value in replacement.items():
            response[name] = value
    return response
