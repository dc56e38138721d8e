"""Our gate with the limiter replaced."""

import time

from limits import RateLimitItemPerSecond
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from insitechat import gate as ours
from ratelimit import middleware
from ratelimit.limits import MICROSECONDS, Decision, Limit


class MovingWindow:
    """A limiter with our interface; the values of the header fields take a second round trip."""

    def __init__(self, url: str) -> None:
        address = f"redis+{url}" if url.startswith("unix:") else url
        self._window = MovingWindowRateLimiter(storage_from_string(address))

    def hit(self, subject: str, limit: Limit) -> Decision:
        item = RateLimitItemPerSecond(limit.requests, limit.window_seconds)
        allowed = self._window.hit(item, subject)
        reset_at, remaining = self._window.get_window_stats(item, subject)
        left = max(0, int((reset_at - time.time()) * MICROSECONDS))
        return Decision(limit, allowed, remaining, left)


def gate(get_response: ours.Handler) -> ours.Handler:
    middleware.limiter_for = MovingWindow
    return ours.gate(get_response)
