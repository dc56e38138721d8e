"""An answer as a stream of events: `delta` for each piece of text, then `done`."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from chatbots.answering import Answer, stream_answer
from chatbots.models import Chatbot
from core.streams import EventStream, Reader, event


def chat_stream(
    request: HttpRequest,
    chatbot: Chatbot,
    session_id: str,
    message: str,
    describe: Callable[[Answer], Any],
) -> EventStream:
    """Answer with a stream, once there is a first text to send. Raises what stream_answer raises.

    The event `done` has what `describe` returns of the whole answer. What is raised later is for
    the caller to tell, as the stream's last event.
    """
    reader = Reader(request, settings.PROVIDER_TIMEOUT_SECONDS)
    parts = events(reader, stream_answer(chatbot, session_id, message, reader.is_there), describe)
    next(parts)
    return EventStream(parts)


def events(
    reader: Reader,
    answering: Generator[str, None, Answer],
    describe: Callable[[Answer], Any],
) -> Generator[bytes, None, None]:
    """Yield nothing as soon as there is a first text, and then the events.

    So the generator is under way when the response begins: whoever closes the response closes it.
    """
    with closing(answering) as pieces:
        text = next(pieces)
        yield b""
        while reader.is_there():
            reader.limit_sending()
            yield event("delta", {"text": text})
            try:
                text = next(pieces)
            except StopIteration as end:
                reader.limit_sending()
                yield event("done", describe(end.value))
                return
