"""A share of the process for each account, so that none takes what all others need.

An account's requests count from when it is known who sends them until their answers are sent. So
many may be under way, which bounds the threads that it has. One of them is at work at a time, which
bounds what it has of the interpreter, the processors and the connections to the database; the
others wait for their turns, in order. Where a turn lasts long, further ones begin beside it, up to
a bound, so that an account's slow page does not stop its calls. Of all accounts fewer are at work
than the process has connections; more would only slow one another down. Who waits for something
slow is not at work (`standing_aside`), nor who sends a part of a stream. Each process counts by
itself.
"""

import uuid
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import cast

from django.conf import settings
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from core import db
from core.http import Handler
from core.look_ups import WAITING, look_ups
from core.outage import database_outages

# After how long without a turn another one begins, although nobody has ended theirs.
LONG_TURN_SECONDS = 0.25
# How long others wait.
TURN_SECONDS = 8.0
# How long those who have stood aside wait for their next turn. Nobody has done their work for
# nothing: after that they go on without.
RETURN_SECONDS = 5.0


class ShareExhausted(Exception):
    """As many of the account's requests are under way in this process as may be."""


class Turn:
    """What a request waits for that is not at work."""

    __slots__ = ("given", "is_back")

    def __init__(self, *, is_back: bool) -> None:
        self.is_back = is_back
        self.given = Lock()  # released by whoever gives it
        self.given.acquire()


class Account:
    """What an account has under way."""

    __slots__ = ("at_work", "began", "queue", "under_way")

    def __init__(self) -> None:
        self.under_way = 0
        self.at_work = 0  # or next to be, once the process has room
        self.began = 0.0  # the latest turn, by time.monotonic()
        self.queue: deque[Turn] = deque()  # first those who are back

    def add(self, turn: Turn) -> None:
        before = sum(other.is_back for other in self.queue) if turn.is_back else len(self.queue)
        self.queue.insert(before, turn)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many requests a process takes on, and how long one waits for its turn."""

    under_way: int  # of one account
    beside: int  # of one account at work, where turns last long; otherwise one is
    at_work: int  # of all accounts
    waiting: int  # of all accounts, for a turn
    turn_seconds: float


class Shares:
    """The requests of all accounts, within the bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._accounts: defaultdict[uuid.UUID, Account] = defaultdict(Account)
        self._at_work = 0
        self._waiting = 0
        # Turns that their accounts have given, in order; the process has no room for them yet.
        self._ready: deque[Turn] = deque()
        self._lock = Lock()

    def enter(self, account_id: uuid.UUID) -> "Place":
        """Count one more. Raises ShareExhausted."""
        with self._lock:
            account = self._accounts[account_id]
            if account.under_way >= self._bounds.under_way:
                raise ShareExhausted
            account.under_way += 1
        return Place(self, account_id, account)

    def leave(self, account_id: uuid.UUID, account: Account) -> None:
        with self._lock:
            account.under_way -= 1
            if not account.under_way:
                del self._accounts[account_id]

    def begin_work(self, account: Account, *, is_back: bool) -> None:
        """Wait for a turn.

        Raises ShareExhausted when too many wait or it takes too long, unless one is back, and when
        PostgreSQL is away, upon which those at work wait.
        """
        now = monotonic()
        with self._lock:
            if not account.at_work and self._at_work < self._bounds.at_work:
                account.at_work = 1
                account.began = now
                self._at_work += 1
                return
            if self._waiting >= self._bounds.waiting and not is_back:
                raise ShareExhausted
            self._waiting += 1
            turn = Turn(is_back=is_back)
            if account.at_work:
                account.add(turn)
            else:
                account.at_work = 1
                self._ready.append(turn)
        db.release()
        seconds = RETURN_SECONDS if is_back else self._bounds.turn_seconds
        try:
            with WAITING.raised():
                is_given = self._wait(account, turn, now + seconds)
        finally:
            with self._lock:
                self._waiting -= 1
        if not is_given and not is_back:
            raise ShareExhausted

    def _wait(self, account: Account, turn: Turn, deadline: float) -> bool:
        """Wait for the turn; return whether it was given."""
        while True:
            left = max(deadline - monotonic(), 0.0)
            if turn.given.acquire(timeout=min(LONG_TURN_SECONDS, left)):
                account.began = monotonic()
                return True
            with self._lock:
                if monotonic() < deadline and not database_outages.holds_up:
                    self._begin_beside(account, turn)
                elif self._give_up(account, turn):
                    return False

    def _begin_beside(self, account: Account, turn: Turn) -> None:
        """Give the account's next turn, if the latest one has been lasting long."""
        is_next = bool(account.queue) and turn is account.queue[0]
        is_long = monotonic() - account.began >= LONG_TURN_SECONDS
        if is_next and is_long and account.at_work < self._bounds.beside:
            account.at_work += 1
            account.began = monotonic()
            self._ready.append(account.queue.popleft())
            self._fill()

    def _give_up(self, account: Account, turn: Turn) -> bool:
        """Take the turn back, unless it is given; one who is back is at work without."""
        if turn in account.queue:
            account.queue.remove(turn)
            account.at_work += turn.is_back
        elif turn in self._ready:
            self._ready.remove(turn)
            if not turn.is_back:
                self._pass_on(account)
        else:
            return False
        self._at_work += turn.is_back
        return True

    def end_work(self, account: Account) -> None:
        """Give one's turn to the next of the account, and one's room to the next of all."""
        with self._lock:
            self._at_work -= 1
            self._pass_on(account)
            self._fill()

    def _pass_on(self, account: Account) -> None:
        if account.queue and account.at_work == 1:
            self._ready.append(account.queue.popleft())
        else:
            account.at_work -= 1

    def _fill(self) -> None:
        while self._ready and self._at_work < self._bounds.at_work:
            self._at_work += 1
            self._ready.popleft().given.release()


class Place:
    """A request's place among those of its account."""

    def __init__(self, shares: Shares, account_id: uuid.UUID, account: Account) -> None:
        self._shares = shares
        self._account_id = account_id
        self._account = account
        self._is_at_work = False

    def work(self, *, is_back: bool = False) -> None:
        self._shares.begin_work(self._account, is_back=is_back)
        self._is_at_work = True

    def rest(self) -> None:
        if self._is_at_work:
            self._is_at_work = False
            self._shares.end_work(self._account)

    def leave(self) -> None:
        self.rest()
        self._shares.leave(self._account_id, self._account)


shares = Shares(
    Bounds(
        under_way=settings.ACCOUNT_REQUESTS_MAX,
        beside=settings.ACCOUNT_WORK_MAX,
        at_work=settings.WORK_MAX,
        waiting=settings.TURNS_WAITING_MAX,
        turn_seconds=TURN_SECONDS,
    )
)
# That of the request which this thread answers.
_place: ContextVar[Place | None] = ContextVar("place", default=None)


@contextmanager
def held(place: Place) -> Iterator[None]:
    """Let the block know its place; at its end, nobody is at work there."""
    token = _place.set(place)
    try:
        yield
    finally:
        place.rest()
        _place.reset(token)


@contextmanager
def standing_aside() -> Iterator[None]:
    """Let others have this thread's connection and turn while the block waits for something slow.

    A transaction keeps its connection. After the block a turn is waited for.
    """
    place = _place.get()
    db.release()
    if place is None:
        yield
        return
    place.rest()
    try:
        yield
    finally:
        place.work(is_back=True)


def within_share(account_id: uuid.UUID, handle: Handler, request: HttpRequest) -> HttpResponseBase:
    """Answer a request of the account; its place is free when the answer is closed.

    Raises ShareExhausted.
    """
    place = shares.enter(account_id)
    try:
        look_ups.end()
        token = _place.set(place)
        try:
            place.work()
            response = handle(request)
        finally:
            _place.reset(token)
        place.rest()
    except BaseException:
        place.leave()
        raise
    if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
        parts = cast("Iterator[bytes]", response.streaming_content)
        response.streaming_content = each_held(place, parts)
    # Closed by the server, when the last part is sent or the client has left.
    response._resource_closers.append(place.leave)  # type: ignore[attr-defined]
    return response


def each_held(place: Place, parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the parts. To make one takes no turn, unless it comes back from standing aside."""
    while True:
        with held(place):
            try:
                part = next(parts)
            except StopIteration:
                return
        yield part
