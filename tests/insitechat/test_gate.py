"""The gate around answers of every kind: which paths need a key, streams, and who acts."""

from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import Client
from django.urls import path

from accounts.models import User
from apikeys.lookup import KeyRequest
from apikeys.services import CreatedKey
from apikeys.usage import recorder
from insitechat.gate import takes_key
from insitechat.urls import urlpatterns as real_urlpatterns
from securitylog.origin import Actor
from securitylog.recording import record
from securitylog.security_events import ACCOUNT_ENABLED
from tests.conftest import ApiClient

closed: list[str] = []


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def texts() -> Iterator[bytes]:
        try:
            yield b"first "
            yield b"second"
        finally:
            closed.append("stream")

    return StreamingHttpResponse(texts(), content_type="text/event-stream")


def refuse(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse([b"no"], status=400, content_type="text/event-stream")


def enable(request: KeyRequest) -> HttpResponse:
    record(request.api_key.owner_id, ACCOUNT_ENABLED)
    return JsonResponse({})


urlpatterns = [
    path("api/v1/stream", stream),
    path("api/v1/refuse", refuse),
    path("api/v1/enable", enable),
    *real_urlpatterns,
]
streaming = pytest.mark.urls(__name__)


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1", "/api/v1/", "/api/v1/chatbots", "/api/v1/nowhere", "/api/v1//"),
        *("/api/v1/docs/x", "/api/v1/docsx", "/api/v1/api-keys/x/y", "/api/v1/api-keysx"),
        *("/api/v1/chatbots/docs", "/api/v1/x\n/docs"),
    ],
)
def test_what_no_route_without_a_key_matches_needs_one(path: str) -> None:
    assert takes_key(path)


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/docs", "/api/v1/openapi.json", "/api/v1/api-keys", "/api/v1/api-keys/x"),
        *("/api/", "/api/v2/chatbots", "/api/v1x"),
    ],
)
def test_documents_the_owners_endpoints_and_other_versions_need_none(path: str) -> None:
    assert not takes_key(path)


@streaming
def test_a_stream_passes_as_it_is(api: ApiClient, alices_key: CreatedKey) -> None:
    closed.clear()
    response = api.get("/stream")
    assert response.status_code == 200
    assert "Content-Length" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["RateLimit"].startswith('"default";r=59;')
    assert not closed
    assert list(response.streaming_content) == [b"first ", b"second"]
    assert closed == ["stream"]
    recorder.write()
    alices_key.api_key.refresh_from_db()
    assert alices_key.api_key.last_used_at is not None


@streaming
def test_a_stream_that_is_left_is_closed(api: ApiClient) -> None:
    closed.clear()
    response = api.get("/stream")
    assert next(response.streaming_content) == b"first "
    response.close()
    assert closed == ["stream"]


@streaming
def test_a_stream_that_tells_of_an_error_is_left_alone(api: ApiClient) -> None:
    response = api.get("/refuse")
    assert response.status_code == 400
    assert b"".join(response.streaming_content) == b"no"


@streaming
def test_a_stream_needs_a_key_too(db: None) -> None:
    assert Client().get("/api/v1/stream").status_code == 401


@streaming
def test_what_a_program_with_a_key_does_is_its_doing(api: ApiClient, alice: User) -> None:
    assert api.get("/enable").status_code == 200
    event = alice.security_events.latest("id")
    assert (event.actor, event.ip_address) == (Actor.API_KEY, "127.0.0.1")
