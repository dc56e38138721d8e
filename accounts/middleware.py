"""Django middleware that keeps the pages of a session out of caches."""

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.http import Handler

PRIVATE = "private, no-store"


def private_pages(get_response: Handler) -> Handler:
    """Forbid browsers and proxies to store responses within a session or that begin one.

    It has to stand outside SessionMiddleware, which sets the cookie.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        cookie = settings.SESSION_COOKIE_NAME
        if cookie in request.COOKIES or cookie in response.cookies:
            response.headers["Cache-Control"] = PRIVATE
        return response

    return middleware
