"""Limits on what is done without a key: by an account, or from an address."""

from django.conf import settings
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

from core.http import client_address
from ratelimit.limiter import limiter_for
from ratelimit.limits import Limit


class Throttle(BaseThrottle):
    """Limits each subject, over all operations that have this throttle together.

    It inherits a `wait` of None, for which Ninja sends no Retry-After.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit

    def subject_of(self, request: HttpRequest) -> str:
        raise NotImplementedError

    def allow_request(self, request: HttpRequest) -> bool:
        limiter = limiter_for(settings.REDIS_URL)
        return limiter.hit(self.subject_of(request), self.limit).allowed


class AccountThrottle(Throttle):
    """Limits each signed-in account."""

    def subject_of(self, request: HttpRequest) -> str:
        return f"account:{request.user.pk}"


class AddressThrottle(Throttle):
    """Limits each IP address; requests whose address cannot be told share one limit."""

    def subject_of(self, request: HttpRequest) -> str:
        return f"address:{client_address(request)}"
