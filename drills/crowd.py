"""Hundreds of chats that wait for their provider at once."""

import json
import selectors
import socket
import threading
import time
from collections import Counter

from drills.bursts import read_all
from drills.drill import Drill
from drills.processes import DrillFailed, status_of
from drills.provider import question
from drills.stage import Stage

CHATS = 600
PROVIDER_SECONDS = 4.0
HEALTHZ_MAX_SECONDS = 2.0
GROWTH_MAX_MB = 100


def crowd(at: Stage) -> None:
    """Send all chats at once. Raises DrillFailed where memory or /healthz are out of bounds."""
    at.provider.seconds = PROVIDER_SECONDS
    instance = at.instances[0]
    before = max(megabytes(at))
    over = threading.Event()
    waits: list[float] = []

    def ask_for_health() -> None:
        while not over.wait(0.25):
            began = time.monotonic()
            status_of(instance.port, "/healthz")
            waits.append(time.monotonic() - began)

    prober = threading.Thread(target=ask_for_health)
    prober.start()
    try:
        statuses = chat_at_once(at, instance.port)
    finally:
        over.set()
        prober.join()
    growth = max(megabytes(at)) - before
    at.notes.append(
        f"{CHATS} chats: {dict(sorted(statuses.items()))}; "
        f"the slowest /healthz {max(waits):.2f} s; "
        f"a process grew by {growth:.0f} MB from {before:.0f}"
    )
    at.provider.seconds = 0.3
    if max(waits) > HEALTHZ_MAX_SECONDS or growth > GROWTH_MAX_MB:
        raise DrillFailed(at.notes[-1])


def megabytes(at: Stage) -> list[float]:
    """Return the resident memory of each web process."""
    return [child.memory_info().rss / 2**20 for child in at.instances[0].children()]


def chat_at_once(at: Stage, port: int) -> Counter[int]:
    accounts = at.population.accounts
    with selectors.DefaultSelector() as waiting:
        for number in range(CHATS):
            account = accounts[number % len(accounts)]
            body = json.dumps({"message": question(number), "session_id": f"crowd-{number}"})
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(
                (
                    f"POST /api/v1/chatbots/{account.asking}/chat HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    f"Authorization: Bearer {account.key}\r\nConnection: close\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                ).encode()
            )
            waiting.register(connection, selectors.EVENT_READ)
        return read_all(waiting)


DRILLS = [
    Drill(
        "crowd",
        f"{CHATS} slow chats at once",
        crowd,
        may_be_unavailable=True,
        is_busy=True,
    )
]
