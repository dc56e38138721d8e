"""The gate of the API: authenticate, then limit, then route."""

import re
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja.errors import HttpError

from apikeys.middleware import ApiKeyMiddleware, KeyedRequest
from insitechat import errors
from ratelimit.limiter import limiter_for
from ratelimit.limits import Limit
from ratelimit.middleware import RateLimitMiddleware

API = "/api/"
KEYED = re.compile(r"/api/v1(/.*)?", re.DOTALL)
# The documents are for everybody; keys are managed by the signed-in owner, never by a key.
UNKEYED = re.compile(r"/api/v1/(docs|openapi\.json|api-keys(/[^/]*)?)")

Handler = Callable[[HttpRequest], HttpResponse]


def gate(get_response: Handler) -> Handler:
    """Django middleware over the API; every other path passes by.

    Authentication and the limit raise what they refuse, here it becomes an answer: one table, one
    place. It stands first in MIDDLEWARE, so that a refused request costs nothing further in.
    """

    def routed(request: HttpRequest) -> HttpResponse:
        if "HTTP_TRANSFER_ENCODING" in request.META:
            # Django reads a body of a known length only.
            return errors.error_response(411, "Send the body with a Content-Length.")
        return errors.as_json(get_response(request))

    limiter = limiter_for(settings.REDIS_URL)
    keyed = ApiKeyMiddleware(RateLimitMiddleware(routed, limiter=limiter, identify=identify))

    def middleware(request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if not path.startswith(API):
            return get_response(request)
        through = keyed if is_keyed(path) else routed
        try:
            refuse_plain_http(request)
            response = through(request)
        except Exception as error:  # noqa: BLE001 (the table knows every exception)
            response = errors.answer(request, error)
        response.headers["Cache-Control"] = "no-store"
        if through is keyed and response.status_code == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    return middleware


def is_keyed(path: str) -> bool:
    return KEYED.fullmatch(path) is not None and UNKEYED.fullmatch(path) is None


def identify(request: HttpRequest) -> tuple[str, Limit]:
    api_key = cast(KeyedRequest, request).api_key
    return str(api_key.id), Limit(api_key.requests_per_minute)


def refuse_plain_http(request: HttpRequest) -> None:
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        raise HttpError(403, "HTTPS is required.")
