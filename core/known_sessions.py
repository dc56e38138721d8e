"""Whose share a person's request is within, known before its session is read."""

import uuid
from hashlib import sha256
from threading import Lock

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.failures import busy_page
from core.http import Handler
from core.shares import ShareExhausted, within_share

# Of how many sessions a process remembers whose they are; some 150 bytes each.
SESSIONS_MAX = 10_000


class KnownSessions:
    """Whose the latest sessions are, by their cookies' digests, so that nobody has to be asked.

    Only shares are counted by it: an ended session goes on counting for its account.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._accounts: dict[bytes, uuid.UUID] = {}
        self._lock = Lock()

    def account_of(self, cookie: str) -> uuid.UUID | None:
        return self._accounts.get(digest(cookie))

    def learn(self, cookie: str, account_id: uuid.UUID) -> None:
        with self._lock:
            self._accounts[digest(cookie)] = account_id
            if len(self._accounts) > self._most:
                del self._accounts[next(iter(self._accounts))]


def digest(cookie: str) -> bytes:
    return sha256(cookie.encode(errors="replace")).digest()


known_sessions = KnownSessions(SESSIONS_MAX)


def share_process(get_response: Handler) -> Handler:
    """Django middleware for requests of people who are signed in; it stands outside of theirs.

    To find out who sends a request takes work too. So what a session's first request in a process
    has shown is remembered, and that one alone is not within a share.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if cookie is None:
            return get_response(request)
        account_id = known_sessions.account_of(cookie)
        if account_id is None:
            response = get_response(request)
            user = getattr(request, "_cached_user", None)
            if user is not None and user.pk is not None:
                known_sessions.learn(cookie, user.pk)
            return response
        try:
            return within_share(account_id, get_response, request)
        except ShareExhausted:
            return busy_page(request)

    return middleware
