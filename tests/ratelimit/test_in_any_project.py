"""RateLimitMiddleware in the MIDDLEWARE of a plain Django project, without a key or the gate."""

import json
import re
import uuid
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import path
from pytest_django import Settings

from ratelimit.limiter import limiter_for
from ratelimit.limits import Limit

LIMIT = Limit(2)
views_called: list[str] = []


def page(request: HttpRequest) -> HttpResponse:
    views_called.append(request.path)
    return HttpResponse("A page.")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(never_read_ahead())


def never_read_ahead() -> Iterator[bytes]:
    views_called.append("first piece")
    yield b"one, "
    yield b"two"


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the view failed")


def standing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(getattr(request, "rate_limit", None)))


urlpatterns = [
    path("page", page),
    path("stream", stream),
    path("fail", fail),
    path("standing", standing),
]


def identify(request: HttpRequest) -> tuple[str, Limit] | None:
    """Limit callers by the name that they give; whoever gives none is not limited."""
    name = request.headers.get("X-Name")
    return (name, LIMIT) if name else None


def identify_by_the_hour(request: HttpRequest) -> tuple[str, Limit] | None:
    return request.headers["X-Name"], Limit(1, window_seconds=3600)


@pytest.fixture(autouse=True)
def _plain_project(settings: Settings) -> None:
    settings.MIDDLEWARE = ["ratelimit.middleware.RateLimitMiddleware"]
    settings.ROOT_URLCONF = __name__
    settings.TEMPLATES = []
    settings.RATE_LIMIT_IDENTIFY = f"{__name__}.identify"
    views_called.clear()


@pytest.fixture
def caller() -> Client:
    return Client(raise_request_exception=False, headers={"X-Name": str(uuid.uuid4())})


def fields(response: HttpResponseBase) -> dict[str, str]:
    return {name: response[name] for name in response.headers if name.startswith("RateLimit")}


def use_up(caller: Client) -> None:
    for _ in range(LIMIT.requests):
        assert caller.get("/page").status_code == 200


def test_an_answer_carries_where_its_subject_stands(caller: Client) -> None:
    response = caller.get("/page")
    assert (response.status_code, response.content) == (200, b"A page.")
    assert fields(response) == {
        "RateLimit-Policy": '"default";q=2;w=60',
        "RateLimit": '"default";r=1;t=60',
    }


def test_over_the_limit_it_answers_429_itself(caller: Client) -> None:
    use_up(caller)
    views_called.clear()
    refused = caller.get("/page")
    body = b'{"detail": "API rate limit exceeded. Max 2 requests per minute."}'
    assert (refused.status_code, refused.content) == (429, body)
    assert refused.headers["Content-Type"] == "application/json"
    assert refused.headers["Content-Length"] == str(len(body))
    assert "Retry-After" not in refused.headers
    assert fields(refused).keys() == {"RateLimit-Policy", "RateLimit"}
    assert re.fullmatch(r'"default";r=0;t=(60|[1-5]?\d)', refused.headers["RateLimit"])
    assert not views_called


def test_another_window_is_named_by_its_seconds(caller: Client, settings: Settings) -> None:
    settings.RATE_LIMIT_IDENTIFY = f"{__name__}.identify_by_the_hour"
    caller.get("/page")
    detail = json.loads(caller.get("/page").content)["detail"]
    assert detail == "API rate limit exceeded. Max 1 requests per 3600 seconds."


def test_a_stream_gets_the_fields_and_is_not_read(caller: Client) -> None:
    response = caller.get("/stream")
    assert isinstance(response, StreamingHttpResponse)
    assert fields(response)["RateLimit"] == '"default";r=1;t=60'
    assert "Content-Length" not in response.headers
    assert not views_called
    assert response.getvalue() == b"one, two"


@pytest.mark.parametrize(("address", "status"), [("/nowhere", 404), ("/fail", 500)])
def test_failed_requests_count_too(caller: Client, address: str, status: int) -> None:
    response = caller.get(address)
    assert response.status_code == status
    assert fields(response)["RateLimit"] == '"default";r=1;t=60'


def test_the_decision_stands_on_the_request(caller: Client) -> None:
    assert b"remaining=1" in caller.get("/standing").content


def test_a_request_without_a_subject_is_not_limited() -> None:
    client = Client()
    for _ in range(LIMIT.requests + 1):
        response = client.get("/page")
        assert (response.status_code, fields(response)) == (200, {})
    assert client.get("/standing").content == b"None"


def test_subjects_have_windows_of_their_own(caller: Client) -> None:
    use_up(caller)
    other = Client(headers={"X-Name": str(uuid.uuid4())})
    assert fields(other.get("/page"))["RateLimit"] == '"default";r=1;t=60'


def test_windows_are_shared_with_everybody_at_the_same_redis(caller: Client) -> None:
    subject = caller.get("/page").wsgi_request.headers["X-Name"]
    assert limiter_for(settings.REDIS_URL).hit(subject, LIMIT).remaining == 0


def test_a_wrong_path_fails_at_the_start(settings: Settings) -> None:
    settings.RATE_LIMIT_IDENTIFY = f"{__name__}.nobody"
    with pytest.raises(ImportError, match="nobody"):
        Client().get("/page")
