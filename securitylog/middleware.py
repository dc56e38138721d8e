"""Django middleware that attributes security events to the current request."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from securitylog.origin import acting


class SecurityLogMiddleware:
    """Attributes the events that a request records to its sender."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with acting(request):
            return self.get_response(request)
