"""A share of the process's threads for each account, so that none takes those of all others.

An account's requests count from when it is known who sends them until their answers are sent. Each
process counts by itself.
"""

import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial
from threading import Lock

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.failures import busy_page
from core.http import Handler


class ShareExhausted(Exception):
    """As many of the account's requests are under way in this process as may be."""


class Shares:
    """How many requests of each account are under way, of `most` at a time."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._under_way: Counter[uuid.UUID] = Counter()
        self._lock = Lock()

    def take(self, account_id: uuid.UUID) -> None:
        """Count one more. Raises ShareExhausted."""
        with self._lock:
            if self._under_way[account_id] >= self.most:
                raise ShareExhausted
            self._under_way[account_id] += 1

    def give_back(self, account_id: uuid.UUID) -> None:
        with self._lock:
            self._under_way[account_id] -= 1
            if not self._under_way[account_id]:
                del self._under_way[account_id]


shares = Shares(settings.ACCOUNT_REQUESTS_MAX)


def within_share(account_id: uuid.UUID, handle: Handler, request: HttpRequest) -> HttpResponseBase:
    """Answer a request of the account; its place is free when the answer is closed.

    Raises ShareExhausted.
    """
    shares.take(account_id)
    try:
        response = handle(request)
    except BaseException:
        shares.give_back(account_id)
        raise
    # Closed by the server, when the last part is sent or the client has left.
    closers: list[Callable[[], None]] = response._resource_closers  # type: ignore[attr-defined]
    closers.append(partial(shares.give_back, account_id))
    return response


def share_threads(get_response: Handler) -> Handler:
    """Django middleware for requests of people who are signed in; it stands inside of theirs."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.user.pk is None:
            return get_response(request)
        try:
            return within_share(request.user.pk, get_response, request)
        except ShareExhausted:
            return busy_page(request)

    return middleware
