"""The cache that all processes share, which an outage of Redis does not take along."""

from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.cluster import RedisCluster

from ratelimit.redis_window import CLUSTER_SCHEMES, FAILURES


class ClusterClient(RedisCacheClient):
    """Django's client, for `redis+cluster://` too, which it does not know."""

    def __init__(self, servers: list[str], **options: Any) -> None:
        super().__init__(servers, **options)
        scheme, _, address = servers[0].partition("://")
        self._cluster: RedisCluster | None = None
        self._cluster_url = f"{CLUSTER_SCHEMES.get(scheme)}://{address}"
        self._is_cluster = scheme in CLUSTER_SCHEMES
        self._options = options

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        if not self._is_cluster:
            return super().get_client(key, write=write)
        if self._cluster is None:
            self._cluster = RedisCluster.from_url(self._cluster_url, **self._options)
        return self._cluster


class SharedCache(RedisCache):
    """Django's Redis cache. While Redis does not answer, each process remembers by itself."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = ClusterClient
        self._meanwhile = LocMemCache("meanwhile", {**params, "OPTIONS": {}})

    def add(self, *args: Any, **options: Any) -> bool:
        return bool(self._ask(super().add, self._meanwhile.add, args, options))

    def get(self, *args: Any, **options: Any) -> Any:
        return self._ask(super().get, self._meanwhile.get, args, options)

    def set(self, *args: Any, **options: Any) -> None:
        self._ask(super().set, self._meanwhile.set, args, options)

    def delete(self, *args: Any, **options: Any) -> bool:
        return bool(self._ask(super().delete, self._meanwhile.delete, args, options))

    def clear(self) -> None:
        """Forget what is this cache's; the limits' windows are in the same database."""
        client = self._cache.get_client()
        for key in client.scan_iter(match=f"{self.key_prefix}:*", count=1000):
            client.delete(key)
        self._meanwhile.clear()

    @staticmethod
    def _ask(
        redis: Callable[..., Any], meanwhile: Callable[..., Any], args: Any, options: Any
    ) -> Any:
        try:
            return redis(*args, **options)
        except FAILURES:
            return meanwhile(*args, **options)
