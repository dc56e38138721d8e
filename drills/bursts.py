"""Bursts of hundreds of connections on a machine that is busy with other things."""

import os
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from drills.drill import LIMIT, Drill
from drills.processes import DrillFailed
from drills.stage import Stage

CONNECTIONS = 500
BURST_TIMEOUT_SECONDS = 50.0  # less than the limit's window


def burst_beside_busy_loops(at: Stage) -> None:
    with busy_loops():
        burst_with_every_key(at)


def burst_with_every_key(at: Stage) -> None:
    """Exhaust each key by one burst. Raises DrillFailed if one was admitted too often."""
    port = at.instances[0].port
    bursts = [burst(port, key) for key in at.population.burst_keys]
    admitted = Counter(statuses[200] for statuses in bursts)
    at.notes.append(
        f"{len(bursts)} bursts of {CONNECTIONS}, admitted: "
        + ", ".join(f"{number} in {times}" for number, times in sorted(admitted.items()))
    )
    unexpected = Counter[int]()
    for statuses in bursts:
        unexpected += Counter({s: n for s, n in statuses.items() if s not in {200, 429}})
    if unexpected:
        at.notes.append(f"other answers: {dict(unexpected)}")
    above = sum(times for number, times in admitted.items() if number > LIMIT)
    if above:
        raise DrillFailed("; ".join(at.notes))


def burst(port: int, key: str) -> Counter[int]:
    """Send one call on each of many connections at once, and count the statuses."""
    request = (
        "GET /api/v1/chatbots HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Authorization: Bearer {key}\r\n\r\n"
    ).encode()
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    with selectors.DefaultSelector() as waiting:
        for connection in connections:
            connection.sendall(request)
            waiting.register(connection, selectors.EVENT_READ)
        return read_all(waiting)


def read_all(waiting: selectors.BaseSelector) -> Counter[int]:
    """Return the statuses; 0 stands for a connection that was closed without an answer."""
    statuses = Counter[int]()
    deadline = time.monotonic() + BURST_TIMEOUT_SECONDS
    while waiting.get_map():
        if time.monotonic() > deadline:
            raise DrillFailed("a burst took longer than the limit's window")
        for ready, _ in waiting.select(1.0):
            connection = ready.fileobj
            if not isinstance(connection, socket.socket):
                continue
            head = connection.recv(65536)
            statuses[int(head.split(b" ", 2)[1]) if head else 0] += 1
            waiting.unregister(connection)
            connection.close()
    return statuses


@contextmanager
def busy_loops() -> Iterator[None]:
    """Keep every core busy."""
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


DRILLS = [
    Drill(
        "bursts",
        "bursts on a busy machine",
        burst_beside_busy_loops,
        options={"WEB_CONCURRENCY": "3"},
        may_be_unavailable=True,
        is_busy=True,
    )
]
