"""Pages of what went wrong: they look like the product, and those of failures need no engine."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.views import defaults
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from core.failures import broken_page, busy_page
from core.themes import COOKIE

FAILURES = [(broken_page, 500, "Something broke"), (busy_page, 503, "The service is busy")]
failures = pytest.mark.parametrize(("make", "status", "title"), FAILURES)
Make = Callable[[HttpRequest], HttpResponse]


def body(response: Any) -> str:
    return str(response.content.decode())


def check_looks(page: str, title: str) -> None:
    assert f"<h1>{title}</h1>" in page
    assert f"<title>{title} · InsiteChat</title>" in page
    assert re.search(r'<link rel="stylesheet" href="/static/core/style[^"]*\.css">', page)
    assert re.search(r'<img src="/static/core/mark[^"]*\.svg"', page)
    assert '<a class="button" href="/">Go to the overview</a>' in page


@failures
def test_a_failure_looks_like_the_product(make: Make, status: int, title: str) -> None:
    """There is no database in this test: a query would fail it."""
    response = make(RequestFactory().get("/dashboard/"))
    assert response.status_code == status
    assert response.headers.get("Retry-After") == ("5" if status == 503 else None)
    page = body(response)
    check_looks(page, title)
    assert '<meta name="color-scheme" content="light dark">' in page
    assert "<form" not in page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_failure_keeps_the_theme_that_the_reader_has_chosen(theme: str) -> None:
    request = RequestFactory().get("/", headers={"Cookie": f"{COOKIE}={theme}"})
    assert f'<html lang="en" data-theme="{theme}">' in body(busy_page(request))


@failures
def test_a_failure_is_told_without_static_files(
    make: Make,
    status: int,
    title: str,
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.STATIC_ROOT = tmp_path  # nothing has been collected
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }
    response = make(RequestFactory().get("/"))
    assert response.status_code == status
    assert f"<h1>{title}</h1>" in body(response)
    assert "cannot be rendered" in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [(RuntimeError("bug"), 500, "Something broke"), (OperationalError("gone"), 503, "The service")],
)
def test_somebody_who_is_signed_in_is_told_without_a_query(
    browser: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
    error: Exception,
    status: int,
    title: str,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("chatbots.models.chatbot.ChatbotQuerySet.owned_by", fail)
    browser.raise_request_exception = False
    with django_assert_num_queries(2):  # the session and the user, before it failed
        response = browser.get("/dashboard/chatbots/")
    assert response.status_code == status
    assert title in body(response)


def test_what_is_not_found_is_told_inside_the_dashboard(alice: User) -> None:
    client = Client()
    check_looks(body(client.get("/nowhere/")), "Not found")
    client.force_login(alice)
    page = body(client.get("/nowhere/"))
    check_looks(page, "Not found")
    assert 'aria-label="Dashboard"' in page


def test_a_form_without_its_token_is_told_what_to_do(browser: Client) -> None:
    response = browser.post("/dashboard/chatbots/create/", {"name": "Shop"})
    assert response.status_code == 403
    check_looks(body(response), "The form is out of date")


@pytest.mark.parametrize(
    ("view", "error", "status", "title"),
    [
        (defaults.bad_request, SuspiciousOperation("x"), 400, "That request made no sense"),
        (defaults.permission_denied, PermissionDenied("x"), 403, "You may not see this"),
    ],
)
def test_refusals_look_like_the_product(
    view: Callable[..., Any], error: Exception, status: int, title: str
) -> None:
    response = view(RequestFactory().get("/"), error)
    assert response.status_code == status
    check_looks(body(response), title)


def test_too_many_attempts_look_like_the_product(db: None) -> None:
    form = {"login": "nobody@example.org", "password": "x"}
    client = Client()
    for _ in range(100):
        response = client.post("/sign-in/", form)
        if response.status_code == 429:
            break
    check_looks(body(response), "Too many attempts")
