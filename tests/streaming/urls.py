import time
from collections.abc import Iterator

from django.http import StreamingHttpResponse
from django.urls import path

from apikeys.lookup import KeyRequest
from chatbots.models import Chatbot
from chatbots.quota import reserved_message
from insitechat.urls import urlpatterns as real_urlpatterns

SECONDS_MAX = 600


def stream(request: KeyRequest) -> StreamingHttpResponse:
    """Reserve a message and send comments until the client leaves; with `?text` send a text first.

    As in a streamed answer, the message is kept as soon as some text was sent.
    """
    chatbot = Chatbot.objects.owned_by(request.api_key.owner_id).get()

    def parts() -> Iterator[bytes]:
        with reserved_message(chatbot) as reservation:
            if "text" in request.GET:
                yield b"data: text\n\n"
                reservation.keep()
            for _ in range(SECONDS_MAX * 20):
                yield b": nothing yet\n\n"
                time.sleep(0.05)

    return StreamingHttpResponse(parts(), content_type="text/event-stream")


urlpatterns = [path("api/v1/stream", stream), *real_urlpatterns]
