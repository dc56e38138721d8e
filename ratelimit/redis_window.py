"""The sliding window in Redis: one script, one round trip, a bounded wait."""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.connection import ConnectionInterface, ConnectionPool
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


class RedisWindow:
    """Sliding windows in Redis or Valkey, shared by every process; exact by the engine's clock.

    A call waits at most PATIENCE_SECONDS, whatever happens. Opening a connection can take any time
    (name look-up, TLS, a host that is gone), so that is left to helper threads: a request uses a
    connection that is ready, or waits its patience for a helper. A cluster's client opens
    connections wherever it follows a redirect, so all of its work is left to them.

    Connections are taken and put back here, not by the client library's pool, whose care for each
    use (a poll of the socket, a lock, hooks) costs as much as the call itself.
    """

    def __init__(self, url: str) -> None:
        self._helpers = ThreadPoolExecutor(HELPERS, thread_name_prefix="redis-window")
        self._url = url
        self._is_cluster = url.partition("://")[0] in CLUSTER_SCHEMES
        self._cluster: RedisCluster | None = None
        self._cluster_lock = Lock()
        self._ready: deque[ConnectionInterface] = deque()

    def hit(self, subject: str, limit: Limit, *, now_microseconds: int | None = None) -> Decision:
        """Count one call. Raises Unavailable. The clock is Redis's own unless a test gives one."""
        arguments: list[str | int] = [KEY % subject, limit.requests, limit.window_seconds]
        if now_microseconds is not None:
            arguments.append(now_microseconds)
        allowed, remaining, reset = self.ask("EVALSHA", SCRIPT_SHA, 1, *arguments)
        return Decision(limit, bool(allowed), remaining, reset)

    def peek(self, subject: str, limit: Limit) -> WindowState:
        """Look without counting. Raises Unavailable."""
        window = limit.window_seconds * MICROSECONDS
        leaves = self.ask("EVAL", STATE_SCRIPT, 1, KEY % subject, window)
        return WindowState(limit, tuple(leaves), is_shared=True)

    def probe(self) -> None:
        """Make a decision that concerns nobody, to see if Redis makes any. Raises Unavailable."""
        self.hit("probe", Limit(1, window_seconds=1))

    def ask(self, *command: str | int) -> Any:
        """Return the engine's answer to a command, by one round trip. Raises Unavailable."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            connection = self._ready.pop()
        except IndexError:
            pass
        else:
            try:
                return self._exchange(connection, command)
            except (redis.ConnectionError, NoScriptError):
                # It was closed while it lay ready, or the engine has forgotten the script. Where it
                # broke after the call was counted, the call counts twice.
                pass
            except FAILURES as error:
                raise Unavailable(str(error)) from error
        left = max(deadline - time.monotonic(), 0)
        return self._in_helper(lambda: self._ask_anew(command), left)

    def open_connections(self, count: int) -> None:
        """Open this many connections and load the script, so that no request has to wait for it.

        Raises Unavailable; waits up to CONNECT_TIMEOUT_SECONDS, so it is not for requests.
        """
        self._in_helper(lambda: self._prepare(count), CONNECT_TIMEOUT_SECONDS)

    def close(self) -> None:
        self._helpers.shutdown(wait=False, cancel_futures=True)
        if self._cluster is not None:
            self._cluster.close()
        self._close_ready()

    def _exchange(self, connection: ConnectionInterface, command: Sequence[str | int]) -> Any:
        """Put the connection back only after a good answer: nothing unread is left in it then."""
        try:
            connection.send_command(*command)  # type: ignore[no-untyped-call]
            answer = connection.read_response()
        except BaseException:
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise
        self._ready.append(connection)
        return answer

    def _ask_anew(self, command: Sequence[str | int]) -> Any:
        if not self._is_cluster:
            return self._exchange(self._open(), command)
        client = self._cluster_client()
        try:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]
        except NoScriptError:
            client.script_load(SCRIPT)
            return client.execute_command(*command)  # type: ignore[no-untyped-call]

    def _prepare(self, count: int) -> None:
        if self._is_cluster:
            self._cluster_client().script_load(SCRIPT)
            return
        self._close_ready()  # an engine that was away has left them behind
        for _ in range(count):
            self._ready.append(self._open())

    def _close_ready(self) -> None:
        with suppress(IndexError):
            while True:
                self._ready.pop().disconnect()  # type: ignore[no-untyped-call]

    def _open(self) -> ConnectionInterface:
        """Return a connection to an engine that knows the script."""
        connection = ConnectionPool.from_url(self._url, **options()).make_connection()
        connection.connect()  # type: ignore[no-untyped-call]
        connection.send_command("SCRIPT", "LOAD", SCRIPT)  # type: ignore[no-untyped-call]
        connection.read_response()
        return connection

    def _cluster_client(self) -> RedisCluster:
        with self._cluster_lock:
            if self._cluster is None:
                scheme, _, address = self._url.partition("://")
                url = f"{CLUSTER_SCHEMES[scheme]}://{address}"
                self._cluster = RedisCluster.from_url(url, **options())
            return self._cluster

    def _in_helper(self, ask: Callable[[], Any], timeout_seconds: float) -> Any:
        answer = self._helpers.submit(ask)
        try:
            return answer.result(timeout_seconds)
        except FutureTimeoutError as error:
            answer.cancel()
            raise Unavailable("no answer in time") from error
        except FAILURES as error:
            raise Unavailable(str(error)) from error


def options() -> dict[str, Any]:
    """Return what makes the client library wait no longer than it may, and never try again."""
    return {
        "socket_timeout": PATIENCE_SECONDS,
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
    }
