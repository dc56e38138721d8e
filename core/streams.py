"""Answers as streams of server-sent events, and the clients that read them."""

import select
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, cast

import orjson
from django.http import HttpRequest, StreamingHttpResponse

EVENTS = "text/event-stream"
# How long at least the last event of a stream may take to be sent.
LAST_SEND_SECONDS = 1.0


class EventStream(StreamingHttpResponse):
    """An answer of server-sent events, made with `event`."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        # Proxies (nginx) collect an answer before they pass it on, unless they are told not to.
        super().__init__(parts, content_type=EVENTS, headers={"X-Accel-Buffering": "no"})

    def tell_errors(self, detail: Callable[[Exception], str]) -> None:
        """Let what is raised while the stream is sent be its last event, with its detail."""
        parts = cast("Iterator[bytes]", self.streaming_content)

        def telling() -> Iterator[bytes]:
            try:
                yield from parts
            except Exception as error:  # noqa: BLE001 (the status was sent; no other answer is left)
                yield event("error", {"detail": detail(error)})

        self.streaming_content = telling()


def event(name: str, data: Any) -> bytes:
    """Write an event with JSON data, which is a single line."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))


def wants_events(request: HttpRequest) -> bool:
    """Say whether the client names text/event-stream as what it accepts rather than JSON.

    Wildcards do not name it, so that clients which accept anything get JSON.
    """
    qualities = {
        (accepted.main_type, accepted.sub_type): accepted.quality
        for accepted in reversed(request.accepted_types)
    }
    events = qualities.get(("text", "event-stream"), 0)
    return events > qualities.get(("application", "json"), 0)


class Reader:
    """The client that reads a stream, as far as the server shows its connection (gunicorn does)."""

    def __init__(self, request: HttpRequest, seconds: float) -> None:
        self._connection = request.META.get("gunicorn.socket")
        self._deadline = monotonic() + seconds

    def is_there(self) -> bool:
        """Say whether the client's side of the connection is open."""
        if self._connection is None:
            return True
        poll = select.poll()
        poll.register(self._connection, select.POLLRDHUP)
        return not poll.poll(0)

    def limit_sending(self) -> None:
        """Let sending the next part take what is left of the time; a client may read slowly."""
        if self._connection is not None:
            seconds = self._deadline - monotonic()
            self._connection.settimeout(max(seconds, LAST_SEND_SECONDS))
