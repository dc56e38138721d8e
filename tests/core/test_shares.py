"""An account has a share of a process's threads, and the others have the rest."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory

from core import shares
from core.shares import ShareExhausted, Shares, within_share
from tests.conftest import ApiClient, detail

ACCOUNT, OTHER = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def _all_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "shares", Shares(0))


def test_no_interleaving_takes_more_than_the_share() -> None:
    counted = Shares(3)

    def take(_: int) -> bool:
        try:
            counted.take(ACCOUNT)
        except ShareExhausted:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(50))) == 3
    counted.take(OTHER)
    counted.give_back(ACCOUNT)
    counted.take(ACCOUNT)


def test_a_request_counts_until_its_answer_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "shares", Shares(1))
    request = RequestFactory().get("/")

    def parts() -> Iterator[bytes]:
        yield b"slowly"

    response = within_share(ACCOUNT, lambda _: StreamingHttpResponse(parts()), request)
    with pytest.raises(ShareExhausted):
        shares.shares.take(ACCOUNT)
    response.close()
    with pytest.raises(ZeroDivisionError):
        within_share(ACCOUNT, lambda _: 1 / 0, request)  # type: ignore[arg-type, return-value]
    shares.shares.take(ACCOUNT)


@pytest.mark.usefixtures("_all_taken")
def test_a_key_beyond_the_share_is_told_so(api: ApiClient) -> None:
    answer = api.get("/chatbots")
    assert answer.status_code == 503
    assert detail(answer).startswith("Too many of this account's requests are under way.")
    assert "Retry-After" not in answer.headers
    assert "RateLimit" in answer.headers


@pytest.mark.usefixtures("_all_taken")
def test_a_page_beyond_the_share_is_told_so(browser: Client) -> None:
    answer = browser.get("/account/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert browser.get("/healthz").status_code == 200
    assert Client().get("/sign-in/").status_code == 200
