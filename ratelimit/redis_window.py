"""The sliding window in Redis: one script, one round trip, a bounded wait."""

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from threading import Lock, local
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.connection import Connection, ConnectionPool, parse_url
from redis.exceptions import NoScriptError, RedisClusterException, SlotNotCoveredError
from redis.retry import Retry

from ratelimit.limits import MICROSECONDS, Decision, Limit, WindowState

SCRIPT = (Path(__file__).parent / "sliding_window.lua").read_text()
SCRIPT_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
STATE_SCRIPT = (Path(__file__).parent / "window_state.lua").read_text()
KEY = "ratelimit:{%s}"
# How long a request waits for Redis in all, the 100 ms of the contract less what surrounds it.
PATIENCE_SECONDS = 0.085
CONNECT_TIMEOUT_SECONDS = 1.0
HELPERS = 8
CLUSTER_SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}


# The cluster's own errors are not among the client's.
FAILURES = (redis.RedisError, RedisClusterException, SlotNotCoveredError, OSError)


class Unavailable(Exception):
    """Redis did not decide: it is gone, too slow, or refuses."""


class NotConnected(redis.ConnectionError):
    """A connection would have to be opened first."""


class RedisWindow:
    """Sliding windows in Redis or Valkey, shared by every process; exact by the engine's clock.

    A call waits at most PATIENCE_SECONDS, whatever happens. Opening a connection can take any time
    (name look-up, TLS, a host that is gone), so that is left to helper threads: a request uses a
    connection that is ready, or waits its patience for a helper.
    """

    def __init__(self, url: str) -> None:
        self._helpers = ThreadPoolExecutor(
            HELPERS, thread_name_prefix="redis-window", initializer=become_helper
        )
        self._url = url
        # A cluster client opens connections wherever it follows a redirect: helpers only.
        self._is_cluster = url.partition("://")[0] in CLUSTER_SCHEMES
        self._client: redis.Redis | RedisCluster | None = None
        self._client_lock = Lock()

    def hit(self, subject: str, limit: Limit, *, now_microseconds: int | None = None) -> Decision:
        """Count one call. Raises Unavailable. The clock is Redis's own unless a test gives one."""
        arguments: list[str | int] = [
            KEY % subject,
            limit.requests,
            limit.window_seconds * MICROSECONDS,
        ]
        if now_microseconds is not None:
            arguments.append(now_microseconds)
        allowed, remaining, reset = self._within_patience(lambda: self._evaluate(arguments))
        return Decision(limit, bool(allowed), remaining, reset)

    def peek(self, subject: str, limit: Limit) -> WindowState:
        """Look without counting. Raises Unavailable."""
        window = limit.window_seconds * MICROSECONDS
        leaves = self._within_patience(
            lambda: self.connected_client().eval(STATE_SCRIPT, 1, KEY % subject, window)
        )
        return WindowState(limit, tuple(leaves), is_shared=True)

    def probe(self) -> None:
        """Make a decision that concerns nobody, to see if Redis makes any. Raises Unavailable."""
        self.hit("probe", Limit(1, window_seconds=1))

    def open_connections(self, count: int) -> None:
        """Open this many connections and load the script, so that no request has to wait for it.

        Raises Unavailable; waits up to CONNECT_TIMEOUT_SECONDS, so it is not for requests.
        """
        self._in_helper(lambda: self._open(count), CONNECT_TIMEOUT_SECONDS)

    def close(self) -> None:
        self._helpers.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    def connected_client(self) -> redis.Redis | RedisCluster:
        if self._client is None:
            with self._client_lock:
                if self._client is None:
                    self._client = make_client(self._url)
        return self._client

    def _evaluate(self, arguments: list[str | int]) -> Any:
        client = self.connected_client()
        try:
            return client.evalsha(SCRIPT_SHA, 1, *arguments)
        except NoScriptError:
            if not in_helper():
                raise  # a second round trip: a helper's, so that the request's wait stays bounded
            return client.eval(SCRIPT, 1, *arguments)

    def _open(self, count: int) -> None:
        client = self.connected_client()
        client.script_load(SCRIPT)
        if isinstance(client, redis.Redis):
            pool = client.connection_pool
            opened: list[Any] = []
            try:
                while len(opened) < count:
                    opened.append(pool.get_connection())
            finally:
                for connection in opened:
                    pool.release(connection)

    def _within_patience(self, ask: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        if not self._is_cluster:
            try:
                return ask()
            except (NotConnected, NoScriptError):
                pass
            except FAILURES as error:
                raise Unavailable(str(error)) from error
        return self._in_helper(ask, max(deadline - time.monotonic(), 0))

    def _in_helper(self, ask: Callable[[], Any], timeout_seconds: float) -> Any:
        answer = self._helpers.submit(ask)
        try:
            return answer.result(timeout_seconds)
        except FutureTimeoutError as error:
            answer.cancel()
            raise Unavailable("no answer in time") from error
        except FAILURES as error:
            raise Unavailable(str(error)) from error


def make_client(url: str) -> redis.Redis | RedisCluster:
    """Return a client that never retries; `redis+cluster://` (or `rediss`) names a cluster."""
    patience: dict[str, Any] = {
        "socket_timeout": PATIENCE_SECONDS,
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
    }
    scheme, _, address = url.partition("://")
    if scheme in CLUSTER_SCHEMES:
        return RedisCluster.from_url(f"{CLUSTER_SCHEMES[scheme]}://{address}", **patience)
    options = {**parse_url(url), **patience}  # type: ignore[no-untyped-call]
    base: type[Connection] = options.pop("connection_class", Connection)
    connection_class = type(f"HelperOpened{base.__name__}", (HelperOpened, base), {})
    return redis.Redis(connection_pool=ConnectionPool(connection_class, 10_000, **options))


class HelperOpened:
    """Mix-in for a connection that only helper threads open."""

    def connect(self) -> None:
        if not (self.is_connected or in_helper()):  # type: ignore[attr-defined]
            raise NotConnected("not connected")
        super().connect()  # type: ignore[misc]


this_thread = local()


def become_helper() -> None:
    this_thread.is_helper = True


def in_helper() -> bool:
    return getattr(this_thread, "is_helper", False)
