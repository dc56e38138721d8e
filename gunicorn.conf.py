"""How gunicorn serves the project, in development and production alike."""

import ctypes
import gc
import json
import logging
import os
import resource
import signal
import sys
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from gunicorn import glogging, util

from insitechat.environment.reading import WrongEnvironment, read
from insitechat.logs import FORMATS

try:
    from insitechat import capacity
    from insitechat.serving.client_socket import ClientSocket

    environment = read()
except WrongEnvironment as error:
    sys.exit(str(error))

wsgi_app = "insitechat.wsgi"
bind = environment.BIND or f"127.0.0.1:{environment.PORT}"
forwarded_allow_ips = environment.FORWARDED_ALLOW_IPS
workers = environment.WEB_CONCURRENCY
worker_class = "insitechat.serving.worker.Worker"
worker_connections = capacity.CLIENTS_MAX
# A socket for each client, and descriptors for everything else; the usual soft limit is 1024.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if _soft < (_needed := capacity.CLIENTS_MAX + 1024) <= _hard:
    resource.setrlimit(resource.RLIMIT_NOFILE, (_needed, _hard))
# One waits for its chatbot's provider; the others go on serving.
threads = capacity.THREADS
preload_app = True
keepalive = 30
# Longer than a provider may take, so that a stop lets running chats end.
graceful_timeout = 40
# Room for what people paste into an Authorization header by mistake; it answers 401, as it should.
limit_request_field_size = 64 * 1024
# No proxy moves the service below another path, or says which path was asked for.
forwarder_headers = ""
control_socket_disable = True
# The process that workers are forked from has to have one thread; nothing here is worth more.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
MEMORY = Path("/dev/shm")  # noqa: S108 (gunicorn makes its files in it safely)
if MEMORY.is_dir():
    worker_tmp_dir = str(MEMORY)  # heartbeat files


def write_error(client: ClientSocket, status: int, reason: str, _: str) -> None:
    """Answer what is no HTTP request in the API's own shape, and quote nothing of it."""
    body = json.dumps({"detail": HTTPStatus(status).phrase}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    client.send_now(head.encode("ascii") + body)


util.write_error = write_error  # gunicorn has no setting for it


class Logger(glogging.Logger):
    """Gunicorn's own log in the service's format: it quotes headers, which may hold a key."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        formatter = FORMATS[environment.LOG_FORMAT]()
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)
        self.error_log.addFilter(is_ours)


def is_ours(record: logging.LogRecord) -> bool:
    """Leave out what clients send that is no HTTP: it could come by the million."""
    return not record.getMessage().startswith("Invalid request from ip=")


logger_class = Logger

# Inherited by all processes, of which the one that locks it monitors the worker (WorkerMonitor).
monitor_lock = TemporaryFile()  # noqa: SIM115 (open as long as the process lives)


def on_starting(server: Any) -> None:
    """Open what the processes publish their metrics by."""
    from django.conf import settings

    server.metrics_exchange = None
    if not settings.METRICS_PORT:
        return
    from core.scrapes.publishing import Exchange, PortUnavailable

    try:
        server.metrics_exchange = Exchange(settings.METRICS_BIND, settings.METRICS_PORT)
    except PortUnavailable as error:
        sys.exit(str(error))


def pre_fork(server: Any, worker: Any) -> None:
    exchange = server.metrics_exchange
    worker.metrics = exchange.publisher() if exchange else None


def worker_exit(server: Any, worker: Any) -> None:
    """Publish what was counted last, in the worker that ends."""
    if worker.metrics:
        worker.metrics.publish()


def child_exit(server: Any, worker: Any) -> None:
    if worker.metrics:
        server.metrics_exchange.forget(worker.metrics)


def when_ready(server: Any) -> None:
    """Keep what is loaded by now out of garbage collections; workers share it, and live as long."""
    gc.collect()
    gc.freeze()


PR_SET_PDEATHSIG = 1
M_ARENA_MAX = -8  # of glibc


def post_fork(server: Any, worker: Any) -> None:
    """Have the worker end with its master, however that ends (Linux), and spare memory.

    Gunicorn's own orphans would keep the port from the next master until their connections are
    closed, for `graceful_timeout` at most; that gives up before. And each thread would keep memory
    of its own, although one at a time makes use of it.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if hasattr(libc, "mallopt"):
            libc.mallopt(M_ARENA_MAX, 2)
    if os.getppid() != server.pid:  # it has ended already
        os.kill(os.getpid(), signal.SIGKILL)


def post_worker_init(worker: Any) -> None:
    """Connect to Redis before the first request comes; one that has to wait counts less exactly."""
    from django.conf import settings

    from apikeys.usage import recorder
    from chatbots.embedding import configured
    from core import tracing
    from core.heartbeats import WorkerMonitor
    from ratelimit.limiter import limiter_for

    limiter_for(settings.REDIS_URL).prepare(connections=capacity.CONNECTIONS)
    configured.prepare()
    recorder.start()
    tracing.start()
    if worker.metrics:
        worker.metrics.start()
    WorkerMonitor(monitor_lock).start()
