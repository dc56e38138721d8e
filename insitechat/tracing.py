"""The trace of a request: a span for the request itself, and one for each part of the gate."""

from itertools import pairwise

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core import tracing
from core.http import Handler
from insitechat.metrics import GATE_PARTS, route_of


def trace_requests(get_response: Handler) -> Handler:
    """Django middleware that traces requests until the last part of their answer was sent.

    Behind trusted proxies a request continues the trace that they say it belongs to. It is among
    MIDDLEWARE only where traces are asked for.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        headers = {"traceparent": request.META.get("HTTP_TRACEPARENT", "")}
        span = tracing.begin("request", headers if settings.TRUSTED_PROXY_COUNT else {})
        if span is None:
            return get_response(request)
        from opentelemetry.context import attach, detach
        from opentelemetry.trace import set_span_in_context

        request.trace_id = tracing.trace_id(span)  # type: ignore[attr-defined]
        token = attach(set_span_in_context(span))
        response = get_response(request)

        def end() -> None:
            describe(span, request, response)
            span.end()
            detach(token)

        response._resource_closers.append(end)  # type: ignore[attr-defined]
        return response

    return middleware


def describe(span: tracing.Span, request: HttpRequest, response: HttpResponseBase) -> None:
    route = route_of(request)
    span.update_name(f"{request.method} {route}")
    span.set_attributes(
        {
            "http.request.method": str(request.method),
            "http.route": route,
            "http.response.status_code": response.status_code,
            "insitechat.request_id": str(getattr(request, "id", "")),
        }
    )
    if response.status_code >= 500:
        tracing.fail(span, str(response.status_code))
    times = getattr(request, "gate_times", ())
    for part, (began, ended) in zip(GATE_PARTS, pairwise(times), strict=False):
        tracing.add_child(span, part, began, ended)
