"""The sliding window in Redis: one script, one round trip, a bounded wait."""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.connection import ConnectionInterface, ConnectionPool, parse_url
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

    A call waits at most PATIENCE_SECONDS for an answer, unless that comes in crumbs. Opening a
    connection can take any time (name look-up, TLS, a host that is gone), so that is left to helper
    threads: a request uses a connection that is ready, or waits its patience for a helper. A
    cluster's client opens connections wherever it follows a redirect: all its work is left to them.

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
        return self._in_helper(lambda: self._ask_patiently(command), left)

    def open_connections(self, count: int) -> None:
        """Open connections until so many are ready, so that no request has to wait for one.

        Raises Unavailable; waits up to CONNECT_TIMEOUT_SECONDS, so it is not for requests. What has
        been opened by then stays.
        """
        self._in_helper(lambda: self._prepare(count), CONNECT_TIMEOUT_SECONDS)

    def close(self) -> None:
        self._helpers.shutdown(wait=False, cancel_futures=True)
        if self._cluster is not None:
            self._cluster.close()
        self._close_ready()

    def _exchange(self, connection: ConnectionInterface, command: Sequence[str | int]) -> Any:
        """Put the connection back after a whole answer only: nothing unread is left in it then.

        Where one fails the others that lie ready would most likely fail too, each in its turn.
        """
        try:
            connection.send_command(*command)  # type: ignore[no-untyped-call]
            answer = connection.read_response()
        except NoScriptError:
            self._ready.append(connection)
            raise
        except BaseException:
            connection.disconnect()  # type: ignore[no-untyped-call]
            self._close_ready()
            raise
        self._ready.append(connection)
        return answer

    def _ask_patiently(self, command: Sequence[str | int]) -> Any:
        """Open what has to be opened, and send the script to an engine that does not know it."""
        try:
            return self._ask_by_any(command)
        except NoScriptError:
            return self._ask_by_any(("EVAL", SCRIPT, *command[2:]))

    def _ask_by_any(self, command: Sequence[str | int]) -> Any:
        if self._is_cluster:
            return self._cluster_client().execute_command(*command)  # type: ignore[no-untyped-call]
        try:
            connection = self._ready.pop()
        except IndexError:
            connection = open_connection(self._url)
        return self._exchange(connection, command)

    def _prepare(self, count: int) -> None:
        while not self._is_cluster and len(self._ready) < count:
            self._ready.append(open_connection(self._url))
        self._ask_patiently(("EVALSHA", SCRIPT_SHA, 1, KEY % "probe", 1, 1))

    def _close_ready(self) -> None:
        with suppress(IndexError):
            while True:
                self._ready.pop().disconnect()  # type: ignore[no-untyped-call]

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
        except CancelledError as error:
            raise Unavailable("closed") from error
        except FAILURES as error:
            raise Unavailable(str(error)) from error


def open_connection(url: str) -> ConnectionInterface:
    """Open a connection; what the URL says of time-outs and retries does not count."""
    settings = {**parse_url(url), **options()}  # type: ignore[no-untyped-call]
    connection = ConnectionPool(**settings).make_connection()
    connection.connect()  # type: ignore[no-untyped-call]
    return connection


def options() -> dict[str, Any]:
    """Return what makes the client library wait no longer than it may, and never try again."""
    return {
        "socket_timeout": PATIENCE_SECONDS,
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
    }
