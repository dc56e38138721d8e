"""Serving a contender with gunicorn, configured as the project is."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from benchmarks.wrk import BenchmarkFailed
from insitechat.operations import proof
from insitechat.operations.paths import PROJECT

START_TIMEOUT_SECONDS = 60.0
PEERS_CONFIGURATION = "benchmarks/peers/gunicorn.conf.py"
PATH = "/api/v1/chatbots"
# The cores of this process at its start, before `pin` sets one of them aside for the servers.
CORES = os.sched_getaffinity(0)


@dataclass(frozen=True, slots=True)
class Project:
    """A Django project to serve; one that is not ours needs a gunicorn configuration of its own."""

    settings: str
    is_ours: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        return [] if self.is_ours else ["-c", PEERS_CONFIGURATION]


@dataclass(frozen=True, slots=True)
class Server:
    """A running gunicorn."""

    process: psutil.Process
    port: int
    seconds_to_ready: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    @property
    def workers(self) -> list[psutil.Process]:
        return list(self.process.children())

    def cpu_seconds(self) -> float:
        """Return the user and system time that the workers have used so far."""
        times = [worker.cpu_times() for worker in self.workers]
        return float(sum(time.user + time.system for time in times))


def can_pin() -> bool:
    """Return whether the servers can have a core apart from the load and the engines."""
    return shutil.which("taskset") is not None and len(CORES) > 1


@contextmanager
def serving(
    project: Project, *, workers: int = 1, core: int | None = None, ready: str = "/readyz"
) -> Iterator[Server]:
    """Serve the project on a free port, pinned to the given core or else on all cores."""
    cores = CORES if core is None else {core}
    prefix = ["taskset", "-c", ",".join(map(str, cores))] if can_pin() else []
    with tempfile.TemporaryFile() as log, proof.free_listener() as listener:
        port: int = listener.getsockname()[1]
        started = time.monotonic()
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "gunicorn", *project.arguments],
            cwd=PROJECT,
            env=os.environ
            | {
                "BIND": f"fd://{listener.fileno()}",
                "DJANGO_SETTINGS_MODULE": project.settings,
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
                "WEB_CONCURRENCY": str(workers),
                **project.environment,
            },
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=log,
        )
        listener.close()
        try:
            while not answers(port, ready if project.is_ours else "/"):
                if process.poll() is not None or time.monotonic() - started > START_TIMEOUT_SECONDS:
                    log.seek(0)
                    raise BenchmarkFailed(log.read().decode(errors="replace"))
                time.sleep(0.01)
            yield Server(psutil.Process(process.pid), port, time.monotonic() - started)
        finally:
            process.terminate()
            process.wait()


def answers(port: int, path: str) -> bool:
    """Return whether the server answers with any status below 500."""
    try:
        return proof.send_once(port, proof.Call("GET", path)) < 500
    except OSError:
        return False
