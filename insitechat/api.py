"""The one API object: composes the apps' routers and says what holds for all of them."""

from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.constants import NOT_SET
from ninja.operation import Operation
from ninja.renderers import BaseRenderer
from ninja.responses import NinjaJSONEncoder

from apikeys.api import public_router as keys_router
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

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        return document(super().get_openapi_schema(**kwargs))

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        return errors.answer(request, exc)


api = Api(
    title="InsiteChat API",
    version="1.0.0",
    servers=[{"url": settings.PUBLIC_URL}],
    urls_namespace="api",
    auth=ApiKeyAuth(),
    parser=StrictJsonParser(),
    renderer=Renderer(),
)
ROUTERS = {"chatbots": chatbots_router, "api-keys": apikeys_router, "keys": keys_router}
for prefix, router in ROUTERS.items():
    api.add_router(f"/{prefix}", router)

urls = api.urls

# The documents are for everybody. A router that says itself who may use it, the signed-in owner or
# anybody, stands apart from the API's keys.
WITHOUT_KEY = {
    *(url.strip("/") for url in (api.docs_url, api.openapi_url) if url),
    *(prefix for prefix, router in ROUTERS.items() if router.auth is not NOT_SET),
}
ROUTES_WITHOUT_KEY = tuple(
    route.pattern for route in urls[0] if str(route.pattern).partition("/")[0] in WITHOUT_KEY
)


def needs_key(path: str) -> bool:
    """Say whether a path below /api/v1/ is for requests with a key; one that no route has is."""
    if path.partition("/")[0] not in WITHOUT_KEY:
        return True
    return not any(pattern.match(path) for pattern in ROUTES_WITHOUT_KEY)
