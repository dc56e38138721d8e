"""Times in the reader's own time zone, which the browser sends in a cookie."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from core.http import Handler

COOKIE = "zone"  # set by core/static/core/zone.js


def readers_zone(get_response: Handler) -> Handler:
    """Django middleware that renders pages in the cookie's time zone, or in UTC without one."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(find_zone(request.COOKIES.get(COOKIE, ""))):
            return get_response(request)

    return middleware


def find_zone(name: str) -> ZoneInfo | None:
    """Return the time zone of that name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None
