"""Django middleware that holds each subject to its limit and tells it where it stands."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from ratelimit.limiter import Limiter
from ratelimit.limits import Decision, Limit, LimitExceeded


class RateLimitMiddleware:
    """Count each request once, before it is routed.

    `identify` names the subject of a request and its limit. Over the limit LimitExceeded is raised
    and nothing is counted; whoever turns that into an answer calls `add_fields`, as this does for
    every other answer. What was decided stands as `rate_limit` on the request.
    """

    def __init__(
        self,
        get_response: Callable[[HttpRequest], HttpResponse],
        *,
        limiter: Limiter,
        identify: Callable[[HttpRequest], tuple[str, Limit]],
    ) -> None:
        self.get_response = get_response
        self.limiter = limiter
        self.identify = identify

    def __call__(self, request: HttpRequest) -> HttpResponse:
        decision = self.limiter.hit(*self.identify(request))
        request.rate_limit = decision  # type: ignore[attr-defined]
        if not decision.allowed:
            raise LimitExceeded(decision)
        response = self.get_response(request)
        add_fields(response, decision)
        return response


def add_fields(response: HttpResponseBase, decision: Decision) -> None:
    """Tell the client where it stands (draft-ietf-httpapi-ratelimit-headers, from 08 on)."""
    limit = decision.limit
    response["RateLimit-Policy"] = f'"default";q={limit.requests};w={limit.window_seconds}'
    response["RateLimit"] = f'"default";r={decision.remaining};t={decision.reset_seconds}'
