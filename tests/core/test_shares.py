"""An account has a share of a process, and the others have the rest."""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory

from core import shares
from core.look_ups import WAITING
from core.outage import database_outages
from core.shares import (
    Bounds,
    ShareExhausted,
    Shares,
    standing_aside,
    within_share,
)
from tests.conftest import ApiClient, detail, wait_for

ACCOUNT, OTHER = uuid.uuid4(), uuid.uuid4()
FOREVER = 1000.0


@pytest.fixture
def request_() -> HttpRequest:
    return RequestFactory().get("/")


@pytest.fixture
def of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shares]:
    """Return a function that gives this process other shares; no turn is a long one."""
    monkeypatch.setattr(shares, "LONG_TURN_SECONDS", FOREVER)
    monkeypatch.setattr(shares, "RETURN_SECONDS", FOREVER)

    def make(
        most: int,
        *,
        beside: int = 1,
        at_work: int = 100,
        waiting: int = 100,
        turn_seconds: float = FOREVER,
    ) -> Shares:
        made = Shares(Bounds(most, beside, at_work, waiting, turn_seconds))
        monkeypatch.setattr(shares, "shares", made)
        return made

    return make


class Held:
    """A request that works until it is told to end."""

    def __init__(
        self, request: HttpRequest, account: uuid.UUID = ACCOUNT, *, stands_aside: bool = False
    ) -> None:
        self.account = account
        self.began, self.aside, self.back = (threading.Event() for _ in range(3))
        self.may_return, self.may_end = threading.Event(), threading.Event()
        if not stands_aside:
            self.may_return.set()
        self.error: Exception | None = None
        self._stands_aside = stands_aside
        self._thread = threading.Thread(target=self._run, args=[request])
        self._thread.start()

    def _run(self, request: HttpRequest) -> None:
        try:
            within_share(self.account, self._handle, request).close()
        except ShareExhausted as error:
            self.error = error

    def _handle(self, _: HttpRequest) -> HttpResponseBase:
        self.began.set()
        if self._stands_aside:
            with standing_aside():
                self.aside.set()
                assert self.may_return.wait(60)
            self.back.set()
        assert self.may_end.wait(60)
        return HttpResponse()

    def end(self) -> None:
        self.may_return.set()
        self.may_end.set()
        self._thread.join()


def waiting() -> float:
    return float(WAITING.series()[0][1])


def test_no_interleaving_takes_more_than_the_share(of: Callable[..., Shares]) -> None:
    counted = of(3)

    def enter(_: int) -> bool:
        try:
            counted.enter(ACCOUNT)
        except ShareExhausted:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(enter, range(50))) == 3
    place = counted.enter(OTHER)
    place.leave()
    counted.enter(OTHER)


def test_no_interleaving_has_two_at_work(of: Callable[..., Shares], request_: HttpRequest) -> None:
    of(100)
    at_work: list[int] = []

    def handle(_: HttpRequest) -> HttpResponse:
        for _turn in range(3):
            at_work.append(1)
            assert len(at_work) == 1
            at_work.pop()
            with standing_aside():
                pass
        return HttpResponse()

    def answer(_: int) -> None:
        within_share(ACCOUNT, handle, request_).close()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(answer, range(200)))


def test_others_do_not_wait_for_an_account(
    of: Callable[..., Shares], request_: HttpRequest
) -> None:
    of(2)
    held = Held(request_)
    assert held.began.wait(60)
    assert within_share(OTHER, lambda _: HttpResponse("here"), request_).status_code == 200
    held.end()


def test_who_waits_too_long_for_a_turn_is_refused(
    of: Callable[..., Shares], request_: HttpRequest
) -> None:
    of(2, turn_seconds=0.05)
    held = Held(request_)
    assert held.began.wait(60)
    with pytest.raises(ShareExhausted):
        within_share(ACCOUNT, lambda _: HttpResponse(), request_)
    held.end()
    assert within_share(ACCOUNT, lambda _: HttpResponse(), request_).status_code == 200


def test_so_many_wait_and_no_more(of: Callable[..., Shares], request_: HttpRequest) -> None:
    of(5, waiting=1)
    held = Held(request_)
    assert held.began.wait(60)
    next_one = Held(request_)
    wait_for(lambda: waiting() == 1)
    with pytest.raises(ShareExhausted):
        within_share(ACCOUNT, lambda _: HttpResponse(), request_)
    held.end()
    assert next_one.began.wait(60)
    next_one.end()


def test_nobody_waits_while_postgresql_is_away(
    of: Callable[..., Shares], request_: HttpRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    of(5)
    monkeypatch.setattr(shares, "LONG_TURN_SECONDS", 0.01)
    held = Held(request_)
    assert held.began.wait(60)
    waits = Held(request_)
    wait_for(lambda: waiting() == 1)
    monkeypatch.setattr(database_outages, "_began_at", 1.0)
    monkeypatch.setattr(database_outages, "_is_well", False)
    waits.end()
    assert isinstance(waits.error, ShareExhausted)
    held.end()


def test_another_begins_beside_a_long_turn_up_to_a_bound(
    of: Callable[..., Shares], request_: HttpRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "LONG_TURN_SECONDS", 0.01)
    of(5, beside=2, turn_seconds=0.5)
    first, second = Held(request_), Held(request_)
    assert first.began.wait(60)
    assert second.began.wait(60)
    with pytest.raises(ShareExhausted):
        within_share(ACCOUNT, lambda _: HttpResponse(), request_)
    first.end()
    second.end()


def test_who_stands_aside_lets_others_work_and_comes_back_first(
    of: Callable[..., Shares], request_: HttpRequest
) -> None:
    of(5)
    aside = Held(request_, stands_aside=True)
    assert aside.aside.wait(60)
    working = Held(request_)
    assert working.began.wait(60)
    beginning = Held(request_)
    wait_for(lambda: waiting() == 1)
    aside.may_return.set()
    wait_for(lambda: waiting() == 2)
    assert not aside.back.is_set()
    working.end()
    assert aside.back.wait(60)
    assert not beginning.began.is_set()
    aside.end()
    assert beginning.began.wait(60)
    beginning.end()
    assert waiting() == 0


def test_who_is_back_goes_on_at_last_without_a_turn(
    of: Callable[..., Shares], request_: HttpRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "RETURN_SECONDS", 0.05)
    of(5)
    aside = Held(request_, stands_aside=True)
    assert aside.aside.wait(60)
    working = Held(request_)
    assert working.began.wait(60)
    aside.may_return.set()
    assert aside.back.wait(60)
    for held in (working, aside):
        held.end()
    assert within_share(ACCOUNT, lambda _: HttpResponse(), request_).status_code == 200


def test_accounts_that_are_more_than_the_process_has_room_for_wait_in_order(
    of: Callable[..., Shares], request_: HttpRequest
) -> None:
    of(5, at_work=1)
    one = Held(request_, ACCOUNT)
    assert one.began.wait(60)
    second_of_one = Held(request_, ACCOUNT)
    wait_for(lambda: waiting() == 1)
    other = Held(request_, OTHER)
    wait_for(lambda: waiting() == 2)
    one.end()
    assert other.began.wait(60)
    assert not second_of_one.began.is_set()
    other.end()
    assert second_of_one.began.wait(60)
    second_of_one.end()


def test_who_waits_too_long_for_room_is_refused_and_the_next_of_its_account_has_the_turn(
    of: Callable[..., Shares], request_: HttpRequest
) -> None:
    counted = of(5, at_work=1, turn_seconds=0.2)
    held = Held(request_, OTHER)
    assert held.began.wait(60)
    refused = [Held(request_, ACCOUNT) for _ in range(3)]
    for each in refused:
        each.end()
        assert isinstance(each.error, ShareExhausted)
    held.end()
    for account in (ACCOUNT, OTHER):
        within_share(account, lambda _: HttpResponse(), request_).close()
    assert not counted._accounts
    assert not counted._at_work


def test_a_request_counts_until_its_answer_is_closed(
    of: Callable[..., Shares], request_: HttpRequest
) -> None:
    counted = of(1)

    def parts() -> Iterator[bytes]:
        yield b"slowly"

    response = within_share(ACCOUNT, lambda _: StreamingHttpResponse(parts()), request_)
    with pytest.raises(ShareExhausted):
        counted.enter(ACCOUNT)
    response.close()
    with pytest.raises(ZeroDivisionError):
        within_share(ACCOUNT, lambda _: 1 / 0, request_)  # type: ignore[arg-type, return-value]
    counted.enter(ACCOUNT)


def test_a_stream_has_no_turn_while_it_is_sent(
    of: Callable[..., Shares], request_: HttpRequest
) -> None:
    of(2)

    def parts() -> Iterator[bytes]:
        with standing_aside():
            yield b"one"
            yield b"two"
        yield b"three"

    response = within_share(ACCOUNT, lambda _: StreamingHttpResponse(parts()), request_)
    assert isinstance(response, StreamingHttpResponse)
    sent = []
    for part in cast("Iterator[bytes]", response.streaming_content):
        sent.append(part)
        within_share(ACCOUNT, lambda _: HttpResponse(), request_).close()
    response.close()
    assert sent == [b"one", b"two", b"three"]


def test_a_key_beyond_the_share_is_told_so(of: Callable[..., Shares], api: ApiClient) -> None:
    of(0)
    answer = api.get("/chatbots")
    assert answer.status_code == 503
    assert detail(answer).startswith("Too many of this account's requests are under way.")
    assert "Retry-After" not in answer.headers
    assert "RateLimit" in answer.headers


def test_a_page_beyond_the_share_is_told_so(of: Callable[..., Shares], browser: Client) -> None:
    assert (
        browser.get("/account/").status_code == 200
    )  # from now on it is known whose session it is
    of(0)
    answer = browser.get("/account/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert browser.get("/healthz").status_code == 200
    assert Client().get("/sign-in/").status_code == 200
