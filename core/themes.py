"""The theme of the pages: light, dark, or what the reader's system has."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

COOKIE = "theme"  # set here and by core/static/core/theme.js
COOKIE_SECONDS = 365 * 24 * 3600
SYSTEM = "system"
THEMES = ("light", SYSTEM, "dark")


def theme_of(request: HttpRequest) -> str:
    """Return the theme that the reader has chosen; the system's where they have not."""
    theme = request.COOKIES.get(COOKIE, SYSTEM)
    return theme if theme in THEMES else SYSTEM


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remember a theme, and return to the page that the form names. An unknown one is ignored."""
    page = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(page, None)
    response = redirect(page if is_ours else "/")
    theme = request.POST.get("theme")
    if theme in THEMES:
        response.set_cookie(
            COOKIE,
            theme,
            max_age=COOKIE_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            samesite="Lax",
        )
    return response
