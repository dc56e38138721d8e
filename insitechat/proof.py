"""Firing at a running service, to count what it lets through.

What is exact has to be so over HTTP, with several processes and hundreds of connections at once.
This knows addresses and header fields only, so that benchmarks/ can fire at other services too.
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


class CannotTell(Exception):
    """The service did something that leaves a figure without a meaning; the text says what."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the service."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A service and the calls that the figures are taken with.

    `limited` is made with a fresh key that may be used LIMIT times, `create` makes another key of
    an account without any, and `revoke` ends the key of `hammered`, whose limit is out of reach.
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
    """What was counted."""

    admitted: int
    keys: int
    accepted_after_revocation: int
    milliseconds_to_refusal: float

    @property
    def are_exact(self) -> bool:
        counts = (self.admitted, self.keys, self.accepted_after_revocation)
        return counts == (LIMIT, CAP, 0)


def prove(target: Target) -> Figures:
    """Fire at the target; raises CannotTell."""
    accepted, milliseconds = revoke_under_fire(target)
    return Figures(
        admitted=count_admitted(target),
        keys=count_created(target),
        accepted_after_revocation=accepted,
        milliseconds_to_refusal=milliseconds,
    )


def count_admitted(target: Target) -> int:
    """Send ten times the limit over hundreds of connections at once; count what is let through."""
    started = time.monotonic()
    statuses = at_once(target.port, target.limited, connections=CONNECTIONS, calls=CALLS_EACH)
    if time.monotonic() - started >= WINDOW_SECONDS:
        raise CannotTell("The calls took longer than the window; run it on a quieter machine.")
    expect(statuses, {200, 429})
    return statuses[200]


def count_created(target: Target) -> int:
    """Create keys in parallel; count those that were made."""
    statuses = at_once(target.port, target.create, connections=CREATIONS, calls=1)
    expect(statuses, {target.created_status, 400})
    return statuses[target.created_status]


def revoke_under_fire(target: Target) -> tuple[int, float]:
    """Revoke a key while it is in use.

    Return how many calls that began after the answer were accepted, and the milliseconds from
    sending the revocation to the first refusal.
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
        hammering = [pool.submit(hammer, number) for number in range(HAMMERS)]
        try:
            if not warm.wait(TIMEOUT_SECONDS):
                raise CannotTell("The service answers too slowly to revoke a key under fire.")
            sent = time.monotonic()
            status = send_once(target.port, target.revoke)
            answered = time.monotonic()
            if not 200 <= status < 300:
                raise CannotTell(f"The revocation was answered with {status}.")
            wait_until(lambda: sum(call[0] >= answered for call in calls) > CALLS_AFTER_REVOCATION)
        finally:
            stop.set()
        for one in hammering:
            one.result()
    expect(Counter(status for _, _, status in calls), {200} | target.refusals)
    late = [status for started, _, status in calls if started >= answered]
    refused = [ended for _, ended, status in calls if status in target.refusals]
    if not refused:
        raise CannotTell("No call was refused after the revocation.")
    return late.count(200), (min(refused) - sent) * 1000


def at_once(port: int, call: Call, *, connections: int, calls: int) -> Counter[int]:
    """Send the call over as many connections at the same moment; return the statuses."""
    barrier = threading.Barrier(connections)

    def fire(_: int) -> list[int]:
        with closing(connect(port)) as connection:
            barrier.wait(TIMEOUT_SECONDS)
            return [send(connection, call) for _ in range(calls)]

    with ThreadPoolExecutor(connections) as pool:
        return Counter(status for some in pool.map(fire, range(connections)) for status in some)


def free_listener() -> socket.socket:
    """Return a socket that listens on a free port, to hand to a server."""
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
    """Raise CannotTell where there is any other status."""
    if not statuses.keys() <= expected:
        raise CannotTell(f"Expected {sorted(expected)}, got {json.dumps(statuses)}.")


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; raises CannotTell where it never does."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise CannotTell("The service stopped answering.")
        time.sleep(0.01)
