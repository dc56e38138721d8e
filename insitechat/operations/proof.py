"""Load a running service over HTTP and count what its limits let through.

A limit that claims to be exact has to hold across several processes and hundreds of connections.
This module knows nothing but ports, paths and header fields, so benchmarks/ uses it on peers too.
"""

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain

LIMIT = 60
CAP = 5
CONNECTIONS = 300
CALLS_EACH = 2
CREATIONS = 50
HAMMERS = 8
WARM_UP_CALLS = 40
CALLS_AFTER_REVOCATION = 25
TIMEOUT_SECONDS = 60.0
WINDOW_SECONDS = 60.0


class Inconclusive(Exception):
    """A figure would be meaningless because of what the service did; the message says what."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the service."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A service and the calls to measure it with.

    `limited` sends a fresh key with a limit of LIMIT, `create` creates a key in an account that
    has none, and `revoke` revokes the key that `hammered` sends, whose limit is out of reach.
    """

    port: int
    limited: Call
    create: Call
    created_status: int
    hammered: Call
    revoke: Call
    refusals: frozenset[int] = frozenset({401})


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted, and how long a revocation took to take effect."""

    admitted: int
    keys: int
    accepted_after_revocation: int
    milliseconds_to_refusal: float

    @property
    def are_exact(self) -> bool:
        counts = (self.admitted, self.keys, self.accepted_after_revocation)
        return counts == (LIMIT, CAP, 0)


def prove(target: Target) -> Figures:
    """Take all figures of the target. Raises Inconclusive."""
    accepted, milliseconds = revoke_under_fire(target)
    return Figures(
        admitted=count_admitted(target),
        keys=count_created(target),
        accepted_after_revocation=accepted,
        milliseconds_to_refusal=milliseconds,
    )


def count_admitted(target: Target) -> int:
    """Send ten times the limit over hundreds of connections at once; return the admitted calls."""
    started = time.monotonic()
    statuses = send_in_parallel(
        target.port, target.limited, connections=CONNECTIONS, calls=CALLS_EACH
    )
    if time.monotonic() - started >= WINDOW_SECONDS:
        raise Inconclusive("The calls took longer than the window; run it on a quieter machine.")
    expect(statuses, {200, 429})
    return statuses[200]


def count_created(target: Target) -> int:
    """Create keys in parallel; return how many were created."""
    statuses = send_in_parallel(target.port, target.create, connections=CREATIONS, calls=1)
    expect(statuses, {target.created_status, 400})
    return statuses[target.created_status]


def revoke_under_fire(target: Target) -> tuple[int, float]:
    """Revoke a key while several threads use it.

    Return how many of the calls sent after the revocation was answered were accepted, and the
    milliseconds from sending the revocation to the first refusal.
    """
    calls: list[tuple[float, float, int]] = []
    warm, stop = threading.Event(), threading.Event()

    def hammer(_: int) -> None:
        with closing(connect(target.port)) as connection:
            while not stop.is_set():
                started = time.monotonic()
                status = send(connection, target.hammered)
                calls.append((started, time.monotonic(), status))
                if len(calls) >= WARM_UP_CALLS:
                    warm.set()

    with ThreadPoolExecutor(HAMMERS) as pool:
        futures = [pool.submit(hammer, number) for number in range(HAMMERS)]
        try:
            if not warm.wait(TIMEOUT_SECONDS):
                raise Inconclusive("The service answers too slowly to revoke a key that is in use.")
            sent = time.monotonic()
            status = send_once(target.port, target.revoke)
            answered = time.monotonic()
            if not 200 <= status < 300:
                raise Inconclusive(f"The revocation was answered with {status}.")
            wait_until(lambda: sum(call[0] >= answered for call in calls) > CALLS_AFTER_REVOCATION)
        finally:
            stop.set()
        for future in futures:
            future.result()
    expect(Counter(status for _, _, status in calls), {200} | target.refusals)
    late = [status for started, _, status in calls if started >= answered]
    refused = [ended for _, ended, status in calls if status in target.refusals]
    if not refused:
        raise Inconclusive("No call was refused after the revocation.")
    return late.count(200), (min(refused) - sent) * 1000


def send_in_parallel(port: int, call: Call, *, connections: int, calls: int) -> Counter[int]:
    """Send the call over that many connections, all starting together; count the statuses."""
    barrier = threading.Barrier(connections)

    def fire(_: int) -> list[int]:
        with closing(connect(port)) as connection:
            barrier.wait(TIMEOUT_SECONDS)
            return [send(connection, call) for _ in range(calls)]

    with ThreadPoolExecutor(connections) as pool:
        return Counter(chain.from_iterable(pool.map(fire, range(connections))))


def free_listener() -> socket.socket:
    """Return a socket that listens on a free port, for a server to inherit."""
    return socket.create_server(("127.0.0.1", 0), backlog=1024)


def connect(port: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    connection.connect()
    return connection


def send(connection: http.client.HTTPConnection, call: Call) -> int:
    connection.request(call.method, call.path, body=call.body, headers=dict(call.headers))
    response = connection.getresponse()
    response.read()
    return response.status


def send_once(port: int, call: Call) -> int:
    with closing(connect(port)) as connection:
        return send(connection, call)


def expect(statuses: Counter[int], expected: set[int] | frozenset[int]) -> None:
    """Raise Inconclusive if there was any other status."""
    if not statuses.keys() <= expected:
        raise Inconclusive(f"Expected {sorted(expected)}, got {json.dumps(statuses)}.")


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds. Raises Inconclusive if it does not in TIMEOUT_SECONDS."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Inconclusive("The service stopped answering.")
        time.sleep(0.01)
