"""Hundreds of chats that wait for their provider at once."""

import json
import selectors
import socket
from collections import Counter

from drills.bursts import read_all
from drills.clients import Clients, running
from drills.drill import Drill
from drills.processes import DrillFailed
from drills.provider import question
from drills.stage import Stage

CHATS = 600
PROVIDER_SECONDS = 4.0
# While all of them begin, and longer.
PROBE_SECONDS = 12.0
HEALTHZ_MAX_SECONDS = 2.0
GROWTH_MAX_MB = 200


def crowd(at: Stage) -> None:
    """Send all chats at once. Raises DrillFailed where memory or /healthz are out of bounds."""
    at.provider.seconds = PROVIDER_SECONDS
    instance = at.instances[0]
    before = max(megabytes(at))
    health = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with running(Clients(instance.port, [health], 1, PROBE_SECONDS)) as prober:
        statuses = chat_at_once(at, instance.port)
        slowest = max(prober.wait().milliseconds) / 1000
    growth = max(megabytes(at)) - before
    at.notes.append(
        f"{CHATS} chats: {dict(sorted(statuses.items()))}; "
        f"the slowest /healthz {slowest:.2f} s; "
        f"a process grew by {growth:.0f} MB from {before:.0f}"
    )
    at.provider.seconds = 0.3
    if slowest > HEALTHZ_MAX_SECONDS or growth > GROWTH_MAX_MB:
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
