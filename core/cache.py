"""The cache that all processes share, and that outlives an outage of Redis."""

import functools
import logging
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisSerializer

from core.breaker import CircuitBreaker
from ratelimit.redis_client import BoundedClient, Unavailable, Word, open_client

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.4
# As long as a lock of django-allauth lives, which an outage may have left behind in Redis.
OPEN_SECONDS = 10.0
LOCAL_KEYS_MAX = 10_000


class Redis:
    """Redis behind a circuit breaker.

    A call waits TIMEOUT_SECONDS at most for an answer, and not at all while the breaker is open.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = BoundedClient(url, TIMEOUT_SECONDS)
        self._breaker = CircuitBreaker(OPEN_SECONDS, clock)

    def ask(self, *command: Word) -> Any:
        """Return the answer to a command. Raises Unavailable."""
        if not self._breaker.allows_call():
            raise Unavailable("it failed a moment ago")
        try:
            answer = self._client.ask(*command)
        except Unavailable as error:
            if self._breaker.report_failure():
                logger.warning("Redis is unavailable; this process caches by itself: %s", error)
            raise
        if self._breaker.report_success():
            logger.info("Redis answers again; the cache is shared by all processes")
        return answer


@functools.cache
def redis_at(url: str) -> Redis:
    """Return this process's Redis at the URL: Django makes a cache for each thread."""
    return Redis(url)


class SharedCache(BaseCache):
    """A cache in Redis, at LOCATION; while Redis is unavailable, in this process's memory.

    What was kept in memory during an outage counts until it expires: it is found where Redis has no
    value for its key, and keeps `add` from storing another. So a throttle that counts in this cache
    is never lifted by an outage, and a code that may be used once is used once in each process.
    """

    def __init__(self, url: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._url = url
        self._redis = redis_at(url)
        self._serializer = RedisSerializer()
        self._local = LocMemCache(
            url,
            {"OPTIONS": {"MAX_ENTRIES": LOCAL_KEYS_MAX}, "KEY_FUNCTION": lambda key, *_: key},
        )

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        key = self.make_and_validate_key(key, version)
        if self._local.has_key(key):
            return False
        try:
            return self._store(key, value, timeout, "NX")
        except Unavailable:
            return self._local.add(key, value, self._seconds(timeout))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        key = self.make_and_validate_key(key, version)
        with suppress(Unavailable):
            found = self._redis.ask("GET", key)
            if found is not None:
                return self._serializer.loads(found)
        return self._local.get(key, default)

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        key = self.make_and_validate_key(key, version)
        is_local = self._local.has_key(key)
        try:
            self._store(key, value, timeout)
        except Unavailable:
            is_local = True
        if is_local:
            self._local.set(key, value, self._seconds(timeout))

    def delete(self, key: Any, version: int | None = None) -> bool:
        key = self.make_and_validate_key(key, version)
        is_deleted = self._local.delete(key)
        with suppress(Unavailable):
            is_deleted |= bool(self._redis.ask("DEL", key))
        return is_deleted

    def clear(self) -> None:
        """Forget what is this cache's; the limits' windows are in the same database."""
        with closing(open_client(self._url)) as client:
            for key in client.scan_iter(match=f"{self.key_prefix}:*", count=1000):
                client.delete(key)
        self._local.clear()

    def _store(self, key: str, value: Any, timeout: Any, *options: str) -> bool:
        """Set the key in Redis; return whether it was. Raises Unavailable."""
        seconds = self._seconds(timeout)
        expiry = () if seconds is None else ("PX", max(int(seconds * 1000), 1))
        value = self._serializer.dumps(value)
        return self._redis.ask("SET", key, value, *expiry, *options) is not None

    def _seconds(self, timeout: Any) -> float | None:
        """Return for how long a value is kept; None: for ever."""
        return self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
