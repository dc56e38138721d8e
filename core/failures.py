"""Pages for failures of the service itself, which need neither a database nor a session."""

import logging
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from core.themes import theme_of

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
# For the case that a page cannot be rendered either: where static files are not collected, say.
BARE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · InsiteChat</title>
<h1>{title}</h1>
<p>Please try again in a moment.</p>
<p><a href="/">Go to the overview</a></p>
</html>
"""


def broken_page(request: HttpRequest) -> HttpResponse:
    """Answer 500."""
    return failure_page(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke")


def busy_page(request: HttpRequest) -> HttpResponse:
    """Answer 503, and say when to try again."""
    response = failure_page(request, HTTPStatus.SERVICE_UNAVAILABLE, "The service is busy")
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def failure_page(request: HttpRequest, status: HTTPStatus, title: str) -> HttpResponse:
    """Render the page of the status without the request, whose user would take a query.

    Never fails: without its template the page is a bare one.
    """
    page: str
    try:
        page = render_to_string(f"{status:d}.html", {"title": title, "theme": theme_of(request)})
    except Exception:
        logger.exception("the page of a failure cannot be rendered")
        page = BARE.format(title=title)
    return HttpResponse(page, status=status)
