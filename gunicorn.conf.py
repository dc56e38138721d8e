"""How gunicorn serves the project, in development and production alike."""

import gc
import json
import os
import socket
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gunicorn import util

from insitechat import capacity
from insitechat.redaction import RedactingFormatter

wsgi_app = "insitechat.wsgi"
bind = os.environ.get("BIND", f"127.0.0.1:{os.environ.get('PORT', '8000')}")
# WEB_CONCURRENCY sets the number of worker processes; gunicorn reads it itself.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
# Made as they are needed. One waits for its chatbot's provider; the others go on serving.
threads = capacity.THREADS
preload_app = True
keepalive = 30
# Longer than a provider may take, so that a stop lets running chats end.
graceful_timeout = 40
# Room for what people paste into an Authorization header by mistake; it answers 401, as it should.
limit_request_field_size = 64 * 1024
control_socket_disable = True
MEMORY = Path("/dev/shm")  # noqa: S108 (gunicorn makes its files in it safely)
if MEMORY.is_dir():
    worker_tmp_dir = str(MEMORY)  # heartbeat files

accesslog = "-" if os.environ.get("ACCESS_LOG") else None


def write_error(client: socket.socket, status: int, reason: str, _: str) -> None:
    """Answer what is no HTTP request in the API's own shape, and quote nothing of it."""
    body = json.dumps({"detail": HTTPStatus(status).phrase}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(client, head.encode("ascii") + body)


util.write_error = write_error  # gunicorn has no setting for it


def on_starting(server: Any) -> None:
    """Keep API keys out of the server's own log too: it quotes headers that it cannot read."""
    formatter = RedactingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    for logger in (server.log.error_log, server.log.access_log):
        for handler in logger.handlers:
            handler.setFormatter(formatter)


def when_ready(server: Any) -> None:
    """Keep what is loaded by now out of garbage collections; workers share it, and live as long."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Connect to Redis before the first request comes; one that has to wait counts less exactly."""
    from django.conf import settings

    from apikeys.usage import recorder
    from ratelimit.limiter import limiter_for

    limiter_for(settings.REDIS_URL).prepare(connections=capacity.CONNECTIONS)
    recorder.start()
