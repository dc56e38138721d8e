"""Django middleware that lets only active keys through."""

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse
from ninja.errors import AuthenticationError

from apikeys.auth import authenticate
from apikeys.models import ActiveKey, EndedKey
from apikeys.usage import recorder
from ratelimit.limits import Decision


class KeyedRequest(HttpRequest):
    """A request that has passed ApiKeyMiddleware, and the limiter behind it."""

    api_key: ActiveKey
    rate_limit: Decision


class ApiKeyMiddleware:
    """Authenticate a request before it is routed; raises AuthenticationError without an active key.

    Every answer is recorded for its key; one below 400 counts as a use. An attempt with a revoked
    or expired key is counted for its owner; the answer is the same as for no key at all.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        api_key = authenticate(request)
        if isinstance(api_key, EndedKey):
            recorder.record_rejection(api_key.id)
        if not isinstance(api_key, ActiveKey):
            raise AuthenticationError
        request.api_key = api_key  # type: ignore[attr-defined]
        response = self.get_response(request)
        decision = cast(KeyedRequest, request).rate_limit
        recorder.record(api_key.id, response.status_code, decision.counted)
        return response
