"""The gate of the API: authenticate, then limit, then route."""

import re
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from ninja.errors import HttpError

from apikeys.middleware import ApiKeyMiddleware, KeyedRequest
from apikeys.models import window_of
from insitechat import errors
from insitechat.lending import lend_connection
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

    It stands first in MIDDLEWARE, so that a refused request costs nothing further in. With a key
    there is no session, page or form to care for either: such a request goes from the gate straight
    to its view, because the middlewares between them would cost more than the whole gate.
    """
    limiter = limiter_for(settings.REDIS_URL)
    view = answered(measured(call_view))
    limited = answered(RateLimitMiddleware(view, limiter=limiter, identify=identify))
    keyed = answered(lend_connection(ApiKeyMiddleware(limited)))
    unkeyed = answered(lend_connection(measured(get_response)))

    def middleware(request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if not path.startswith(API):
            return get_response(request)
        through = keyed if is_keyed(path) else unkeyed
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            response: HttpResponse = errors.error_response(403, "HTTPS is required.")
        else:
            response = through(request)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Length"] = str(len(response.content))
        if through is keyed and response.status_code == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    return middleware


def answered(handle: Handler) -> Handler:
    """Turn what is raised into an answer, all by one table, and error pages into JSON."""

    def answering(request: HttpRequest) -> HttpResponse:
        try:
            return errors.as_json(handle(request))
        except Exception as error:  # noqa: BLE001 (the table knows every exception)
            return errors.answer(request, error)

    return answering


def measured(handle: Handler) -> Handler:
    """Refuse a body without a Content-Length, of which Django would read nothing."""

    def measuring(request: HttpRequest) -> HttpResponse:
        if "HTTP_TRANSFER_ENCODING" in request.META:
            raise HttpError(411, "Send the body with a Content-Length.")
        return handle(request)

    return measuring


def call_view(request: HttpRequest) -> HttpResponse:
    """Route the request and answer it, in the place of Django's own handler."""
    request.get_host()  # raises DisallowedHost for a host that is not ours
    request.resolver_match = match = resolve(request.path_info)
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return response


def is_keyed(path: str) -> bool:
    return KEYED.fullmatch(path) is not None and UNKEYED.fullmatch(path) is None


def identify(request: HttpRequest) -> tuple[str, Limit]:
    api_key = cast(KeyedRequest, request).api_key
    return window_of(api_key.id, api_key.requests_per_minute)
