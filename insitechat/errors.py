"""The one table of what each exception means to an HTTP client of the API."""

import logging
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from ninja.errors import HttpError, ValidationError
from psycopg_pool import TooManyRequests

from accounts.reauthentication import SignInTooOld
from apikeys.services import ApiKeyNotFound, KeyCapReached
from chatbots.answering import ChatbotPaused, VisitorLeft
from chatbots.providers.base import ProviderError
from chatbots.quota import MessageQuotaReached
from chatbots.waiting import TooManyWaiting
from core.failures import broken_page, busy_page
from core.look_ups import ProcessBusy
from core.metrics import Counter
from core.outage import database_outages
from core.paging import InvalidParameter
from core.shares import ShareExhausted
from insitechat.parser import UnreadableBody

logger = logging.getLogger(__name__)
DATABASE_ERRORS = Counter(
    "insitechat_database_errors_total",
    "Requests answered 503 for PostgreSQL, by its SQLSTATE; none where it did not answer.",
    "sqlstate",
)
# Those that an alert looks for (disk, memory or connections used up) are 0 from the start, so that
# their first step shows.
for sqlstate in ("53100", "53200", "53300"):
    DATABASE_ERRORS.inc(sqlstate, by=0)


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


# SQLSTATEs that are no OperationalError to the driver, but pass as one does.
PASSING = {
    "25006",  # read_only_sql_transaction: the server has become a standby
    "25P03",  # idle_in_transaction_session_timeout
}
TRANSACTION_ROLLBACK = "40"  # the class of deadlocks and serialization failures
UNAVAILABLE = Meaning(
    HTTPStatus.SERVICE_UNAVAILABLE, "Service temporarily unavailable.", logging.ERROR
)
MEANINGS: dict[type[Exception], Meaning] = {
    SignInTooOld: Meaning(HTTPStatus.FORBIDDEN, "Sign in again to do this."),
    ApiKeyNotFound: Meaning(HTTPStatus.NOT_FOUND, "API key not found."),
    InvalidParameter: Meaning(HTTPStatus.BAD_REQUEST, str),
    KeyCapReached: Meaning(HTTPStatus.BAD_REQUEST, str),
    ChatbotPaused: Meaning(HTTPStatus.BAD_REQUEST, "Chatbot is paused."),
    MessageQuotaReached: Meaning(HTTPStatus.TOO_MANY_REQUESTS, "Monthly message limit reached."),
    ProviderError: Meaning(
        HTTPStatus.BAD_GATEWAY, "The chatbot's provider did not answer.", logging.WARNING
    ),
    TooManyWaiting: Meaning(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many chats are under way. Try again in a moment.",
    ),
    VisitorLeft: Meaning(HTTPStatus.BAD_REQUEST, "The connection was closed."),
    ShareExhausted: Meaning(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many of this account's requests are under way. Try again in a moment.",
    ),
    ProcessBusy: Meaning(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE.detail),
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
    return error_response(meaning_of(error).status, detail_of(request, error))


def meaning_of(error: Exception) -> Meaning:
    if getattr(error.__cause__, "sqlstate", None) in PASSING:
        return UNAVAILABLE
    return next(MEANINGS[kind] for kind in type(error).__mro__ if kind in MEANINGS)


def detail_of(request: HttpRequest, error: Exception) -> str:
    """Log what is not the client's fault; return what the client is told."""
    meaning = meaning_of(error)
    if meaning.log_level:
        report(request, error, meaning)
    return meaning.detail if isinstance(meaning.detail, str) else str(meaning.detail(error))


def report(request: HttpRequest, error: Exception, meaning: Meaning) -> None:
    if meaning is UNAVAILABLE:
        DATABASE_ERRORS.inc(getattr(error.__cause__, "sqlstate", None) or "none")
    if is_crowd(error) and not database_outages.is_under_way:
        return  # counted; a line for each would be many
    if is_outage(error, meaning):
        database_outages.notice(error)
        return
    unexpected = meaning.status == HTTPStatus.INTERNAL_SERVER_ERROR
    exc_info = error if unexpected else None
    logger.log(meaning.log_level, "%s: %s", meaning.status.phrase, error, exc_info=exc_info)
    if unexpected:
        got_request_exception.send(sender=None, request=request)


def is_outage(error: Exception, meaning: Meaning) -> bool:
    """Say whether the database is out of reach, rather than that a statement met another."""
    sqlstate = getattr(error.__cause__, "sqlstate", None) or ""
    return meaning is UNAVAILABLE and not sqlstate.startswith(TRANSACTION_ROLLBACK)


def is_crowd(error: Exception) -> bool:
    """Say whether too many requests waited for a connection already, whatever PostgreSQL does."""
    return isinstance(error.__cause__, TooManyRequests)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for what a page or a middleware has raised, as Django's handler500.

    Where the database is out of reach, or busy, it is a 503; neither page needs a query.
    """
    error = sys.exc_info()[1]
    if not isinstance(error, Exception) or meaning_of(error) is not UNAVAILABLE:
        return broken_page(request)
    if request.path_info.startswith("/api/"):
        return answer(request, error)
    report(request, error, UNAVAILABLE)
    return busy_page(request)


def error_response(status: int, detail: str) -> JsonResponse:
    response = JsonResponse({"detail": detail}, status=status)
    response["Content-Length"] = str(len(response.content))
    return response


def as_json(response: HttpResponseBase) -> HttpResponseBase:
    """Make JSON of an error page that Django or Ninja wrote; leave other answers as they are."""
    if response.status_code < HTTPStatus.BAD_REQUEST or not isinstance(response, HttpResponse):
        return response
    if response.headers.get("Content-Type") != "application/json":
        replacement = error_response(response.status_code, HTTPStatus(response.status_code).phrase)
        response.content = replacement.content
        for name, value in replacement.items():
            response[name] = value
    return response
