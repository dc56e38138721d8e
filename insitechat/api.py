"""The one API object: composes the apps' routers and says what holds for all of them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from apikeys.api import router as apikeys_router
from apikeys.auth import ApiKeyAuth
from apikeys.rendering import MEDIA_TYPE, Renderer
from chatbots.api import router as chatbots_router
from insitechat import errors
from insitechat.openapi import document
from insitechat.parser import StrictJsonParser


class Api(NinjaAPI):
    def get_content_type(self) -> str:
        return MEDIA_TYPE

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
