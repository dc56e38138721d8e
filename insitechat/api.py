"""The one API object: composes the apps' routers and says what holds for all of them."""

from datetime import datetime
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.renderers import BaseRenderer
from ninja.responses import NinjaJSONEncoder

from apikeys.api import router as apikeys_router
from apikeys.auth import ApiKeyAuth
from chatbots.api import router as chatbots_router
from insitechat import errors
from insitechat.openapi import document
from insitechat.parser import StrictJsonParser


class Renderer(BaseRenderer):
    media_type = "application/json"
    encoder = NinjaJSONEncoder()

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data, self.encode, orjson.OPT_PASSTHROUGH_DATETIME)

    def encode(self, value: Any) -> Any:
        """Write times with microseconds and offset: 2026-03-15T10:30:00.123456+00:00."""
        if isinstance(value, datetime):
            return value.isoformat(timespec="microseconds")
        return self.encoder.default(value)


class Api(NinjaAPI):
    def get_content_type(self) -> str:
        return "application/json"  # JSON is UTF-8; the type knows no charset parameter

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        return document(super().get_openapi_schema(**kwargs))

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        return errors.answer(request, exc)


api = Api(
    title="InsiteChat API",
    version="1.0.0",
    urls_namespace="api",
    auth=ApiKeyAuth(),
    parser=StrictJsonParser(),
    renderer=Renderer(),
)
api.add_router("/chatbots", chatbots_router)
api.add_router("/api-keys", apikeys_router)
