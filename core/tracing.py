"""Traces by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT is set.

Elsewhere none of that is imported. Attributes are names and numbers: no key, no text of a message,
no address and no exception's message.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings

NAME = "insitechat"
# For each batch, retries included: a process that stops waits for its last one.
EXPORT_WITHIN_SECONDS = "3"
Span = Any  # OpenTelemetry's, whose types are imported with it

# OpenTelemetry's tracer, in a process that sends traces.
_tracer: Any = None


def start() -> None:
    """Send this process's spans from now on, in the background; called once it has been forked."""
    global _tracer  # noqa: PLW0603 (one a process)
    if not settings.IS_TRACED or _tracer is not None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    os.environ.setdefault("OTEL_SERVICE_NAME", NAME)
    os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", EXPORT_WITHIN_SECONDS)
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = provider.get_tracer(NAME)


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """Trace the block; of an exception, the type alone is told."""
    if _tracer is None:
        yield
        return
    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except Exception as error:
            fail(current, type(error).__name__)
            raise


def begin(name: str, headers: Mapping[str, str]) -> Any:
    """Begin a span that a request is served in; `headers` may say to which trace it belongs.

    None where nothing is traced.
    """
    if _tracer is None:
        return None
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract(headers)
    return _tracer.start_span(name, context=parent, kind=SpanKind.SERVER)


def add_child(parent: Any, name: str, began: float, ended: float) -> None:
    """Add what has been timed already, by time.perf_counter(), to a span."""
    from opentelemetry.trace import set_span_in_context

    epoch = time.time() - time.perf_counter()
    child = _tracer.start_span(
        name, context=set_span_in_context(parent), start_time=round((epoch + began) * 1e9)
    )
    child.end(round((epoch + ended) * 1e9))


def fail(current: Any, kind: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    current.set_attribute("error.type", kind)
    current.set_status(Status(StatusCode.ERROR))


def trace_id(current: Any) -> str:
    return f"{current.get_span_context().trace_id:032x}"
