"""Django middleware that authenticates requests by their API key."""

from typing import cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja.errors import AuthenticationError

from apikeys.auth import authenticate
from apikeys.lookup import ActiveKey, EndedKey, KeyRequest
from apikeys.usage import recorder
from core.http import Handler


class ApiKeyMiddleware:
    """Authenticate a request before it is routed. Raises AuthenticationError without an active key.

    Every answer is recorded for its key; a status below 400 counts as a use. Attempts with a
    revoked or expired key are counted too, so that its owner can see them.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        api_key = authenticate(request)
        if isinstance(api_key, EndedKey):
            recorder.record_rejection(api_key.id)
        if not isinstance(api_key, ActiveKey):
            raise AuthenticationError
        request.api_key = api_key  # type: ignore[attr-defined]
        response = self.get_response(request)
        decision = cast(KeyRequest, request).rate_limit
        recorder.record(api_key.id, response.status_code, decision.counted)
        return response
