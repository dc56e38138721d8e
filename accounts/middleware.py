"""Django middleware that tells the security log which request is under way."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.security_log import request_under_way


class SecurityLogMiddleware:
    """Keep the request for what it may record; a call with an API key records nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if hasattr(request, "api_key"):
            return self.get_response(request)
        token = request_under_way.set(request)
        try:
            return self.get_response(request)
        finally:
            request_under_way.reset(token)
