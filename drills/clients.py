"""Clients in a process of their own, so that what they do costs whoever measures nothing.

Run as a module with one JSON object as its argument: a `port`, `requests` (each in whole), how many
`threads` send them again and again, each on a connection of its own, and for how many `seconds`. It
prints a JSON object: how often each of the `statuses` came, and the `milliseconds` of each answer.
"""

import http.client
import itertools
import json
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

TIMEOUT_SECONDS = 30.0
# How long a client waits that was told to try again, not all of them equally long.
PAUSE_SECONDS = (0.5, 1.5)


@dataclass(frozen=True, slots=True)
class Seen:
    """What clients were answered."""

    statuses: Counter[int]
    milliseconds: list[float]

    @property
    def p99(self) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[int(0.99 * len(ordered))]


class Clients:
    """Clients that have begun."""

    def __init__(self, port: int, requests: Sequence[str], threads: int, seconds: float) -> None:
        task = {"port": port, "requests": requests, "threads": threads, "seconds": seconds}
        command = [sys.executable, "-m", "drills.clients", json.dumps(task)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)

    def wait(self) -> Seen:
        written, _ = self._process.communicate()
        seen = json.loads(written)
        statuses = Counter({int(status): times for status, times in seen["statuses"].items()})
        return Seen(statuses, seen["milliseconds"])

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def running(clients: Clients) -> Iterator[Clients]:
    try:
        yield clients
    finally:
        clients.end()


def call_until(
    port: int, requests: Sequence[str], number: int, deadline: float
) -> list[tuple[int, float]]:
    """Send the requests in turn; return the status and the milliseconds of each answer."""
    chance = random.Random(number)
    answers: list[tuple[int, float]] = []
    connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
    with connection:
        for request in itertools.islice(itertools.cycle(requests), number, None):
            began = time.monotonic()
            if began >= deadline:
                return answers
            connection.sendall(request.encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            answer.read()
            answers.append((answer.status, 1000 * (time.monotonic() - began)))
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
                time.sleep(chance.uniform(*PAUSE_SECONDS))
    return answers


def main() -> None:
    task = json.loads(sys.argv[1])
    deadline = time.monotonic() + task["seconds"]
    with ThreadPoolExecutor(task["threads"]) as threads:
        runs = [
            threads.submit(call_until, task["port"], task["requests"], number, deadline)
            for number in range(task["threads"])
        ]
        answers = [answer for run in runs for answer in run.result()]
    statuses = Counter(status for status, _ in answers)
    milliseconds = [milliseconds for _, milliseconds in answers]
    print(json.dumps({"statuses": statuses, "milliseconds": milliseconds}))


if __name__ == "__main__":
    main()
