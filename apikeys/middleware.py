"""Django middleware that lets only active keys through."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from ninja.errors import AuthenticationError

from apikeys.auth import authenticate
from apikeys.models import ActiveKey
from apikeys.usage import recorder


class KeyedRequest(HttpRequest):
    """A request that has passed ApiKeyMiddleware."""

    api_key: ActiveKey


class ApiKeyMiddleware:
    """Authenticate a request before it is routed; raises AuthenticationError without an active key.

    A call that is answered below 400 counts as a use of its key.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        api_key = authenticate(request)
        if api_key is None:
            raise AuthenticationError
        request.api_key = api_key  # type: ignore[attr-defined]
        response = self.get_response(request)
        if response.status_code < 400:
            recorder.record(api_key.id)
        return response
