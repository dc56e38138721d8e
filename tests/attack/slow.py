"""Clients that send a byte now and then, beside others that are as quick as ever."""

import multiprocessing
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import cycle
from multiprocessing.synchronize import Event
from urllib.parse import urlsplit

from tests.attack.report import Result
from tests.attack.statistics import percentile
from tests.attack.wire import Wire

CLIENTS = 400  # of each kind
PAUSE_SECONDS = 1.5  # between two bytes of one client
ROUNDS = 9
CALLS = 300  # in a round, by each good client
GOOD_CLIENTS = 2
RATIO_MAX = 1.5

HEADER = b"GET /api/v1/chatbots HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
BODY = (
    b"POST /api/v1/chatbots/%s/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
    b"Content-Type: application/json\r\nContent-Length: 8000\r\n\r\n{"
)
FORM = (
    b"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: csrftoken=%s\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8000\r\n\r\nlogin="
)


def attack_slowly(url: str, key: str, chatbot_id: str) -> Result:
    """Compare good calls with and without slow clients beside them, in turns."""
    result = Result("slow headers and bodies")
    body = BODY % (chatbot_id.encode(), key.encode())
    openings = [HEADER, HEADER, body, FORM % (b"a" * 32)]
    idle: list[float] = []
    beside: list[float] = []
    measure(url, key, result)  # connections, threads and caches are there from now on
    for _ in range(ROUNDS):
        idle += measure(url, key, result)
        with slow_clients(url, openings, 2 * CLIENTS):
            beside += measure(url, key, result)
    p99, p99_beside = percentile(idle, 0.99), percentile(beside, 0.99)
    ratio = p99_beside / p99
    result.note = (
        f"p99 of good keys {p99 * 1000:.1f} ms idle,"
        f" {p99_beside * 1000:.1f} ms beside {2 * CLIENTS} slow clients: {ratio:.2f} x"
    )
    if ratio > RATIO_MAX:
        result.findings.append(result.note)
    return result


def measure(url: str, key: str, result: Result) -> list[float]:
    """Return the seconds that good calls take."""
    request = (
        b"GET /api/v1/chatbots HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n\r\n"
        % key.encode()
    )

    def call(_: int) -> list[tuple[float, int]]:
        with Wire(url) as wire:
            found = []
            for _ in range(CALLS):
                start = time.perf_counter()
                answer = wire.ask(request)
                found.append((time.perf_counter() - start, answer.status if answer else 599))
            return found

    with ThreadPoolExecutor(GOOD_CLIENTS) as pool:
        calls = [one for found in pool.map(call, range(GOOD_CLIENTS)) for one in found]
    for _, status in calls:
        result.judge("a good key", status, is_expected=status == 200)
    return [seconds for seconds, _ in calls]


@contextmanager
def slow_clients(url: str, openings: list[bytes], number: int) -> Iterator[None]:
    """Keep so many clients sending a byte every PAUSE_SECONDS; who is dropped comes back.

    They are in a process of their own: good clients are not to wait for its interpreter.
    """
    processes = multiprocessing.get_context("spawn")
    begun, stop = processes.Event(), processes.Event()
    process = processes.Process(target=trickle, args=(url, openings, number, begun, stop))
    process.start()
    try:
        assert begun.wait(60)
        yield
    finally:
        stop.set()
        process.join(60)
    assert process.exitcode == 0


def trickle(url: str, openings: list[bytes], number: int, begun: Event, stop: Event) -> None:
    parts = urlsplit(url)

    def connect(position: int) -> socket.socket:
        client = socket.create_connection((parts.hostname, parts.port), 30)
        client.sendall(openings[position % len(openings)])
        return client

    clients = [connect(position) for position in range(number)]
    begun.set()
    for position in cycle(range(number)):
        if stop.wait(PAUSE_SECONDS / number):
            break
        try:
            clients[position].sendall(b"x")
        except OSError:
            clients[position].close()
            with suppress(OSError):
                clients[position] = connect(position)
    for client in clients:
        client.close()
