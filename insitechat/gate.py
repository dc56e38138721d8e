"""The gate of the API: authenticate, then limit, then route.

A request with a key passes these steps, from the outside in:

1. `ApiKeyMiddleware` answers 401 without an active key. (A CORS preflight carries no key: it will
   have to be answered before this step.)
2. `RateLimitMiddleware` answers 429 over the key's limit.
3. `share_process` answers 503 if the account has too many requests under way, and has one of them
   work at a time. The two steps before it are the look-up, which few requests make at once.
4. `SecurityLogMiddleware` attributes to the key what is recorded from here on.
5. `require_length` refuses bodies that Django cannot read.
6. `call_view` routes the request. (Scopes of a key belong into ApiKeyAuth, which runs beside the
   operation and knows it.)

`answer_errors` stands around every step: what one raises becomes an answer before the next step out
sees it, so that the limiter adds its fields to error answers too.
"""

from collections.abc import Callable
from functools import lru_cache, partial, reduce
from time import perf_counter
from typing import cast

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.urls import ResolverMatch, resolve
from ninja.errors import HttpError

from apikeys.lookup import KeyRequest
from apikeys.middleware import ApiKeyMiddleware
from core.http import Handler
from core.look_ups import look_ups
from core.metrics import Gauge
from core.shares import within_share
from core.streams import EventStream
from insitechat import errors, metrics
from insitechat.api import needs_key
from ratelimit.limiter import limiter_for
from ratelimit.middleware import RateLimitMiddleware
from securitylog.middleware import SecurityLogMiddleware

Gauge(
    "insitechat_limiter_alone",
    "1 while this process holds the limits by itself, because Redis is unavailable.",
    read=lambda: limiter_for(settings.REDIS_URL).is_alone,
)

API = "/api/"
V1 = "/api/v1"


def gate(get_response: Handler) -> Handler:
    """Django middleware over the API; every other path passes by.

    It stands early in MIDDLEWARE, so that a refused request costs nothing further in. A request
    with a key goes from here straight to its view: the middlewares in between serve sessions, pages
    and forms, and would cost more than the whole gate.
    """
    with_key = compose(
        ApiKeyMiddleware,
        timed(RateLimitMiddleware),
        share_process,
        timed(SecurityLogMiddleware),
        require_length,
        view=call_view,
    )
    without_key = compose(require_length, view=get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if not path.startswith(API):
            return get_response(request)
        is_keyed = takes_key(path)
        request.gate_times = times = [perf_counter()]  # type: ignore[attr-defined]
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            response: HttpResponseBase = errors.error_response(403, "HTTPS is required.")
        else:
            try:
                response = (with_key if is_keyed else without_key)(request)
            finally:
                look_ups.end()
        finish(response, is_keyed=is_keyed)
        if isinstance(response, EventStream):
            response.tell_errors(partial(errors.detail_of, request))
        times.append(perf_counter())
        metrics.observe_gate(request, times)
        return response

    return middleware


def compose(*steps: Callable[[Handler], Handler], view: Handler) -> Handler:
    """Put the steps around the view, the first outermost, each inside of answer_errors.

    The view's own error pages become JSON; the steps have none.
    """
    innermost = answer_errors(lambda request: errors.as_json(view(request)))
    return reduce(lambda inner, step: answer_errors(step(inner)), reversed(steps), innermost)


def answer_errors(handle: Handler) -> Handler:
    """Turn what is raised into an answer, all by one table."""

    def answering(request: HttpRequest) -> HttpResponseBase:
        try:
            return handle(request)
        except Exception as error:  # noqa: BLE001 (the table knows every exception)
            return errors.answer(request, error)

    return answering


def timed(step: Callable[[Handler], Handler]) -> Callable[[Handler], Handler]:
    """Have the step note when a request comes to it, which has passed the one before by then."""

    def make(handle: Handler) -> Handler:
        inner = step(handle)

        def noting(request: HttpRequest) -> HttpResponseBase:
            request.gate_times.append(perf_counter())  # type: ignore[attr-defined]
            return inner(request)

        return noting

    return make


def share_process(handle: Handler) -> Handler:
    """Have the request wait or refused beyond the share of the process that its account has."""

    def sharing(request: HttpRequest) -> HttpResponseBase:
        return within_share(cast(KeyRequest, request).api_key.owner_id, handle, request)

    return sharing


def require_length(handle: Handler) -> Handler:
    """Refuse a body without a Content-Length, of which Django would read nothing."""

    def requiring(request: HttpRequest) -> HttpResponseBase:
        if "HTTP_TRANSFER_ENCODING" in request.META:
            raise HttpError(411, "Send the body with a Content-Length.")
        return handle(request)

    return requiring


def call_view(request: HttpRequest) -> HttpResponseBase:
    """Route the request and answer it, in the place of Django's own handler."""
    request.get_host()  # raises DisallowedHost for a host that is not ours
    request.resolver_match = match = match_of(request.path_info)
    response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    return response


@lru_cache(maxsize=1024)
def match_of(path: str) -> ResolverMatch:
    """Return what the path resolves to, which takes Django a while to find out. Raises Http404.

    The most called paths are few: the lists, and those of the chatbots that are in use.
    """
    return resolve(path)


def finish(response: HttpResponseBase, *, is_keyed: bool) -> None:
    """Complete the header of an answer. A stream has no length that is known beforehand."""
    response.headers["Cache-Control"] = "no-store"
    if isinstance(response, HttpResponse):
        response.headers["Content-Length"] = str(len(response.content))
    if is_keyed and response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"


def takes_key(path: str) -> bool:
    """Say whether the path is the API's and for requests with a key."""
    version, rest = path[: len(V1)], path[len(V1) :]
    return version == V1 and (not rest or (rest[0] == "/" and needs_key(rest[1:])))
