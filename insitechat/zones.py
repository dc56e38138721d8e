"""Times in the reader's own zone, which the browser tells by a cookie."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "zone"  # set by insitechat/static/insitechat/zone.js

Handler = Callable[[HttpRequest], HttpResponse]


def readers_zone(get_response: Handler) -> Handler:
    """Django middleware that renders pages in the zone of the cookie; UTC without a good one."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with timezone.override(named(request.COOKIES.get(COOKIE, ""))):
            return get_response(request)

    return middleware


def named(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None
