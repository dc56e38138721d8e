"""How the API writes JSON."""

from datetime import datetime
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja.renderers import BaseRenderer
from ninja.responses import NinjaJSONEncoder

MEDIA_TYPE = "application/json"  # JSON is UTF-8; the type knows no charset parameter
encoder = NinjaJSONEncoder()


def to_json(data: Any) -> bytes:
    return orjson.dumps(data, encode, orjson.OPT_PASSTHROUGH_DATETIME)


def encode(value: Any) -> Any:
    """Write times with microseconds and an explicit offset: 2026-03-15T10:30:00.123456+00:00."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return encoder.default(value)


class Renderer(BaseRenderer):
    media_type = MEDIA_TYPE

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return to_json(data)


def json_response(data: Any) -> HttpResponse:
    """Answer with data that is known to fit the operation's schema, without checking each item."""
    return HttpResponse(to_json(data), content_type=MEDIA_TYPE)
