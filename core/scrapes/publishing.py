"""A process's thread that publishes its metrics and answers scrapes."""

import logging
import select
import socket
import time
from collections.abc import Iterable
from threading import Lock, Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from core import metrics
from core.scrapes import process
from core.scrapes.database import ask_database
from core.scrapes.exposition import ProcessCollector
from core.scrapes.shared import Published, SharedMemory

logger = logging.getLogger(__name__)

PUBLISH_EVERY_SECONDS = 1.0
CLIENT_TIMEOUT_SECONDS = 5.0


class PortUnavailable(Exception):
    """Nothing can listen where scrapes are to be answered."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that waits for scrapes. Raises PortUnavailable.

    Processes that are forked from here can share it: the kernel gives each connection to one.
    """
    try:
        listener = socket.create_server((host, port), family=family_of(host))
    except OSError as error:
        raise PortUnavailable(f"METRICS_PORT {port} on {host}: {error.strerror}") from error
    listener.settimeout(0)  # another process may be faster with a connection
    return listener


def family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class Handler(WSGIRequestHandler):
    timeout = CLIENT_TIMEOUT_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name above)
        """Log no scrapes."""


class Server(WSGIServer):
    """Answers scrapes on a socket that is open already, one after the other."""

    def __init__(self, listener: socket.socket, collector: ProcessCollector) -> None:
        registry = CollectorRegistry()
        registry.register(collector)
        host, port = listener.getsockname()[:2]
        super().__init__((host, port), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = host, port
        self.setup_environ()
        self.set_app(make_wsgi_app(registry))
        self._scrapes = select.poll()
        self._scrapes.register(listener, select.POLLIN)

    def answer_one(self) -> None:
        """Answer a scrape, if one comes within a second that no other process answers."""
        if self._scrapes.poll(1000 * PUBLISH_EVERY_SECONDS):
            self.handle_request()  # which does not wait, since the socket does not


class Publisher:
    """Publishes this process's metrics each second, and answers scrapes in between.

    Any process that shares the socket answers for all. So scrapes are answered as long as one of
    them lives, and no thread that serves requests is needed.
    """

    def __init__(self, memory: SharedMemory, place: int, listener: socket.socket) -> None:
        self._memory = memory
        self.place = place
        self._server = Server(listener, ProcessCollector(self._read_all, ask_database))
        self._publishing = Lock()
        self._is_failing = False

    def start(self) -> None:
        """Go on with the counts of whoever had the place before, and start the thread."""
        process.STARTS.inc()
        former = self._memory.read(self.place)
        if former is not None:
            metrics.resume(former.snapshot)
        self.publish()
        Thread(target=self._run, name="metrics", daemon=True).start()

    def publish(self) -> None:
        """Publish what has been counted; called once more when the process ends."""
        with self._publishing:
            self._memory.write(self.place, metrics.snapshot())

    def _read_all(self) -> Iterable[Published]:
        self.publish()
        return self._memory.read_all()

    def _run(self) -> None:
        published_at = time.monotonic()
        while True:
            try:
                self._server.answer_one()
                if time.monotonic() - published_at >= PUBLISH_EVERY_SECONDS:
                    self.publish()
                    published_at = time.monotonic()
                self._is_failing = False
            except Exception:  # nothing may end the thread
                if not self._is_failing:
                    logger.exception("metrics are not published; it is tried again")
                self._is_failing = True
                time.sleep(PUBLISH_EVERY_SECONDS)


class Exchange:
    """What a parent opens before it forks its processes: their shared memory, and the socket.

    Raises PortUnavailable.
    """

    def __init__(self, host: str, port: int) -> None:
        self._memory = SharedMemory()
        self._listener = listen(host, port)

    def publisher(self) -> Publisher | None:
        """Return the publisher of a process that is about to be forked; None if there are many."""
        place = self._memory.take_place()
        return None if place is None else Publisher(self._memory, place, self._listener)

    def forget(self, publisher: Publisher) -> None:
        """Let another process go on where one has ended."""
        self._memory.free_place(publisher.place)
