"""Django middleware that holds each subject to its limit and tells it where it stands."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from ratelimit.limiter import limiter_for
from ratelimit.limits import Decision, Limit

Identify = Callable[[HttpRequest], tuple[str, Limit] | None]


class RateLimitMiddleware:
    """Count each request once, before it is routed; over its limit it is answered 429 here.

    `RATE_LIMIT_IDENTIFY` is the dotted path of a function that takes a request and returns its
    subject and limit, or None for a request that is not limited. `REDIS_URL` is where the windows
    are kept. Every answer to a limited request, a stream too, carries the RateLimit fields; its
    content is not touched. The decision stands as `rate_limit` on the request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.limiter = limiter_for(settings.REDIS_URL)
        self.identify: Identify = import_string(settings.RATE_LIMIT_IDENTIFY)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        identity = self.identify(request)
        if identity is None:
            return self.get_response(request)
        decision = self.limiter.hit(*identity)
        request.rate_limit = decision  # type: ignore[attr-defined]
        response = self.get_response(request) if decision.allowed else refusal(decision.limit)
        add_fields(response, decision)
        return response


def refusal(limit: Limit) -> JsonResponse:
    period = "minute" if limit.window_seconds == 60 else f"{limit.window_seconds} seconds"
    detail = f"API rate limit exceeded. Max {limit.requests} requests per {period}."
    response = JsonResponse({"detail": detail}, status=429)
    response["Content-Length"] = str(len(response.content))
    return response


def add_fields(response: HttpResponseBase, decision: Decision) -> None:
    """Add RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers, from 08 on)."""
    limit = decision.limit
    response["RateLimit-Policy"] = f'"default";q={limit.requests};w={limit.window_seconds}'
    response["RateLimit"] = f'"default";r={decision.remaining};t={decision.reset_seconds}'
