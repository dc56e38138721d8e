"""Log lines, as text or as JSON, with the request that they belong to and without API keys."""

import logging
import math
import re
import secrets
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from time import monotonic, perf_counter
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from pythonjsonlogger.json import JsonFormatter

from core.http import Handler, client_address
from core.redaction import PREFIX_LENGTH, RedactingFormatter, redact
from insitechat.metrics import observe_request, route_of

logger = logging.getLogger("insitechat.requests")

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")
# Each thread serves one request at a time, whose lines are logged there.
_current: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)


class TextLines(RedactingFormatter):
    """A line for people to read."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")


class JsonLines(JsonFormatter):
    """A JSON object in each line, for programs; a traceback is part of it."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            timestamp="time",
            json_ensure_ascii=False,
        )

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        line: str = super().jsonify_log_record(redacted(log_data))
        return line


FORMATS: dict[str, type[logging.Formatter]] = {"text": TextLines, "json": JsonLines}


def redacted(value: Any) -> Any:
    """Return a field's value without API keys, as plain JSON."""
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {redact(str(name)): redacted(field) for name, field in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else redact(str(value))


def name_request(record: logging.LogRecord) -> bool:
    """Add to a log record, as a filter, the request that it belongs to, and who sent that."""
    request = _current.get()
    if request is not None:
        vars(record).update(origin_of(request))
    return True


def origin_of(request: HttpRequest) -> dict[str, str]:
    """Return what is known of a request: its id, trace, account, and the prefix of its key."""
    fields = {"request_id": str(getattr(request, "id", ""))}
    if hasattr(request, "trace_id"):
        fields["trace_id"] = request.trace_id
    api_key = getattr(request, "api_key", None)
    if api_key is not None:
        token = request.META["HTTP_AUTHORIZATION"].split()[-1]
        return fields | {"account": str(api_key.owner_id), "key": token[:PREFIX_LENGTH]}
    # Whoever has not been looked up yet is not looked up for the log.
    user = getattr(request, "_cached_user", None)
    if user is not None and user.is_authenticated:
        fields["account"] = str(user.pk)
    return fields


def is_news(record: logging.LogRecord) -> bool:
    """Keep, as a filter, what Django logs of a failed page; the other errors are logged elsewhere.

    The error table logs what it answers, and core.outage what is answered 503.
    """
    return record.exc_info is not None and getattr(record, "status_code", None) != 503


class Rarely(logging.Filter):
    """Lets one record pass, and then none for some seconds: for what repeats itself."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._silent_until = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        if now < self._silent_until:
            return False
        self._silent_until = now + self._seconds
        return True


def identify_requests(get_response: Handler) -> Handler:
    """Django middleware that gives each request an id, and logs its answer if ACCESS_LOG is set.

    The id stands in the request's log lines and in the answer's X-Request-ID. Behind trusted
    proxies it is the one that they send.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        began = perf_counter()
        request.id = identifier = request_id(request)  # type: ignore[attr-defined]
        token = _current.set(request)
        response = get_response(request)
        response["X-Request-ID"] = identifier

        def end() -> None:
            seconds = perf_counter() - began
            observe_request(request, response, seconds)
            if settings.ACCESS_LOG:
                log_answer(request, response, seconds)
            _current.reset(token)

        # As Django itself has its own requests closed.
        response._resource_closers.append(end)  # type: ignore[attr-defined]
        return response

    return middleware


def request_id(request: HttpRequest) -> str:
    if settings.TRUSTED_PROXY_COUNT:
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        if REQUEST_ID.fullmatch(sent):
            return str(sent)
    return secrets.token_hex(8)


def log_answer(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Log that a request was answered, once the last part of the answer has been sent."""
    logger.info(
        "%s %s %d",
        request.method,
        request.path,
        response.status_code,
        extra={
            "method": request.method,
            "path": request.path,
            "route": route_of(request),
            "status": response.status_code,
            "milliseconds": round(1000 * seconds, 1),
            "address": client_address(request),
        },
    )
