"""What is counted of requests, and of the gate that calls with a key pass."""

from collections.abc import Sequence

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.metrics import Counter, Histogram

REQUESTS = Counter(
    "insitechat_requests_total",
    "Requests by route, method and status.",
    *("route", "method", "status"),
)
REQUEST_SECONDS = Histogram(
    "insitechat_request_seconds",
    "From the request's head until the last part of its answer was sent.",
    "route",
)
GATE_SECONDS = Histogram(
    "insitechat_gate_seconds",
    "What a call with an active key waits for: look_up of the key, limiter, and view.",
    "part",
)
DECISIONS = Counter(
    "insitechat_limiter_decisions_total",
    "Decisions of the rate limiter, and by whom: redis, memory of a full window, or process alone.",
    *("decision", "made_by"),
)

GATE_PARTS = ("look_up", "limiter", "view")
# The label of requests that were answered before they had a route: refusals, health checks, files.
UNROUTED = "unrouted"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def observe_request(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Count a request that has been answered."""
    route = route_of(request)
    method = request.method if request.method in METHODS else "other"
    REQUESTS.inc(route, str(method), str(response.status_code))
    REQUEST_SECONDS.observe(seconds, route)


def route_of(request: HttpRequest) -> str:
    """Return the name of the request's URL pattern."""
    match = request.resolver_match
    return UNROUTED if match is None else match.view_name


def observe_gate(request: HttpRequest, times: Sequence[float]) -> None:
    """Count what the gate decided, given when a request came to each of its parts and left it."""
    decision = getattr(request, "rate_limit", None)
    if decision is None:
        return
    DECISIONS.inc("allowed" if decision.allowed else "refused", decision.made_by)
    for part, began, ended in zip(GATE_PARTS, times, times[1:], strict=False):
        GATE_SECONDS.observe(ended - began, part)
