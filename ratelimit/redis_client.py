"""A client of Redis or Valkey, their Cluster and Sentinel, whose calls wait for a bounded time."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Lock
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.connection import ConnectionInterface, ConnectionPool, parse_url
from redis.exceptions import NoScriptError, RedisClusterException, SlotNotCoveredError
from redis.retry import Retry

from ratelimit.patience import SLICES, Patience
from ratelimit.sentinel import find_master, is_sentinel

CONNECT_TIMEOUT_SECONDS = 1.0
HELPERS = 8
CLUSTER_SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
# The cluster's own errors are not among the client library's. A TimeoutError is an OSError.
FAILURES = (redis.RedisError, RedisClusterException, SlotNotCoveredError, OSError)

Word = str | bytes | int


class Unavailable(Exception):
    """Redis did not answer: it is gone, too slow, or refuses."""


class BoundedClient:
    """Sends commands to Redis; a call waits `timeout_seconds`, and longer on a busy machine.

    How much longer is bounded (ratelimit.patience).

    Opening a connection can take any time (name look-up, TLS, a host that is gone), so that is left
    to helper threads: a call uses an open connection, or waits for a helper for as long as it may.
    A cluster's client opens connections wherever it follows a redirect, so all its work is done by
    helpers. On an open connection the time-out holds for each read from the socket: an answer that
    arrives in several parts may take several times as long.

    Connections are taken and put back here, not by the client library's pool, whose checks at each
    use (a poll of the socket, a lock, hooks) cost as much as the call itself.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._helpers = ThreadPoolExecutor(HELPERS, thread_name_prefix="redis-client")
        self._idle: deque[ConnectionInterface] = deque()
        self._is_cluster = is_cluster(url)
        self._cluster: RedisCluster | None = None
        self._cluster_lock = Lock()

    def ask(self, *command: Word, if_no_script: Sequence[Word] = ()) -> Any:
        """Return the answer to a command, by one round trip. Raises Unavailable.

        `if_no_script` is the command for an engine that does not know the script of the first.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            pass
        else:
            try:
                return self._exchange(connection, command)
            except (redis.ConnectionError, NoScriptError):
                # The connection was closed while it was idle, or the engine has lost the script.
                # Where it broke after the command was carried out, that is carried out twice.
                pass
            except FAILURES as error:
                raise Unavailable(str(error)) from error
        return self._in_helper(
            lambda: self._ask_anew(command, if_no_script), Patience(self._timeout_seconds)
        )

    def open_connections(self, count: int) -> None:
        """Open connections until so many are idle, so that no call has to wait for one.

        Raises Unavailable; waits up to CONNECT_TIMEOUT_SECONDS, so it is not for requests. The
        connections that have been opened by then stay.
        """
        self._in_helper(lambda: self._open(count), Patience(CONNECT_TIMEOUT_SECONDS))

    def close(self) -> None:
        self._helpers.shutdown(wait=False, cancel_futures=True)
        if self._cluster is not None:
            self._cluster.close()
        self._close_idle()

    def _exchange(self, connection: ConnectionInterface, command: Sequence[Word]) -> Any:
        """Put the connection back after a whole answer only: then nothing is left unread in it.

        Where one connection fails, the other idle ones would most likely fail too, each in turn.
        """
        try:
            connection.send_command(*command)  # type: ignore[no-untyped-call]
            answer = self._read_answer(connection)
        except NoScriptError:
            self._idle.append(connection)
            raise
        except BaseException:
            connection.disconnect()  # type: ignore[no-untyped-call]
            self._close_idle()
            raise
        self._idle.append(connection)
        return answer

    def _read_answer(self, connection: ConnectionInterface) -> Any:
        """Return the answer to what was sent; the connection's time-out is a slice of patience."""
        try:
            return connection.read_response(disconnect_on_error=False)
        except redis.TimeoutError:
            pass
        patience = Patience(self._timeout_seconds)
        patience.spend()
        while True:
            try:
                return connection.read_response(disconnect_on_error=False)
            except redis.TimeoutError:
                if patience.is_over():
                    raise

    def _ask_anew(self, command: Sequence[Word], if_no_script: Sequence[Word]) -> Any:
        try:
            return self._ask_by_any(command)
        except NoScriptError:
            return self._ask_by_any(if_no_script)

    def _ask_by_any(self, command: Sequence[Word]) -> Any:
        """Send a command on an idle connection or a new one."""
        if self._is_cluster:
            return self._cluster_client().execute_command(*command)  # type: ignore[no-untyped-call]
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open_connection()
        return self._exchange(connection, command)

    def _open(self, count: int) -> None:
        while not self._is_cluster and len(self._idle) < count:
            self._idle.append(self._open_connection())

    def _open_connection(self) -> ConnectionInterface:
        """Open a connection; what the URL says of time-outs and retries does not count."""
        settings = {**address_of(self._url), **self._options()}
        connection = ConnectionPool(**settings).make_connection()
        connection.connect()  # type: ignore[no-untyped-call]
        return connection

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().disconnect()  # type: ignore[no-untyped-call]

    def _cluster_client(self) -> RedisCluster:
        with self._cluster_lock:
            if self._cluster is None:
                self._cluster = open_cluster(self._url, **self._options())
            return self._cluster

    def _options(self) -> dict[str, Any]:
        """Return what makes the client library wait no longer than it may, and never retry."""
        return {
            "socket_timeout": self._timeout_seconds / (1 if self._is_cluster else SLICES),
            "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,
        }

    def _in_helper(self, ask: Callable[[], Any], patience: Patience) -> Any:
        try:
            answer = self._helpers.submit(ask)
        except RuntimeError as error:
            raise Unavailable("the client is closed") from error
        try:
            while not wait([answer], patience.slice_seconds).done:
                if patience.is_over():
                    answer.cancel()
                    raise Unavailable("no answer in time")
            return answer.result()
        except CancelledError as error:
            raise Unavailable("the client is closed") from error
        except FAILURES as error:
            raise Unavailable(str(error) or "no answer in time") from error


def address_of(url: str) -> dict[str, Any]:
    """Return where the URL leads to, by a question to the sentinels if it names those."""
    if is_sentinel(url):
        return find_master(url, CONNECT_TIMEOUT_SECONDS)
    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    return options


def open_client(url: str) -> "redis.Redis | RedisCluster":
    """Return the client library's own client, which waits for as long as it takes."""
    if is_cluster(url):
        return open_cluster(url)
    pool = ConnectionPool(**address_of(url))
    return redis.Redis.from_pool(pool)


def is_cluster(url: str) -> bool:
    return url.partition("://")[0] in CLUSTER_SCHEMES


def open_cluster(url: str, **options: Any) -> RedisCluster:
    scheme, _, address = url.partition("://")
    return RedisCluster.from_url(f"{CLUSTER_SCHEMES[scheme]}://{address}", **options)
