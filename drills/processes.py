"""The service's own processes, as a supervisor starts them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psutil

from insitechat.operations.local.engines import with_parent
from insitechat.operations.paths import PROJECT

READY_WITHIN_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 60.0


class DrillFailed(Exception):
    """A drill could not be carried out; the text says why."""


class Child:
    """A process of this project's that can be killed and started again; it ends with its parent."""

    def __init__(
        self, name: str, command: list[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.command = command
        self.environment = environment
        self.log = folder / f"{name}.log"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*with_parent(), *self.command],
                cwd=PROJECT,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        self.process = self._start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def children(self) -> list[psutil.Process]:
        children: list[psutil.Process] = psutil.Process(self.process.pid).children()
        return children

    def said(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Instance(Child):
    """An instance of the service: gunicorn and its worker processes on a port of their own."""

    def __init__(
        self, environment: Mapping[str, str], folder: Path, arguments: Sequence[str] = ()
    ) -> None:
        self.port = free_port()
        own = {
            "BIND": f"127.0.0.1:{self.port}",
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            **environment,
        }
        command = [sys.executable, "-m", "gunicorn", *arguments]
        super().__init__(f"web-{self.port}", command, own, folder)

    def wait_until_ready(self) -> None:
        wait_until(self.is_ready, READY_WITHIN_SECONDS, self.said)

    def is_ready(self) -> bool:
        return status_of(self.port, "/readyz") == 200


@contextmanager
def running(child: Child) -> Iterator[None]:
    try:
        yield
    finally:
        child.stop()


def manage(environment: Mapping[str, str], *arguments: str) -> str:
    """Run manage.py and return what it prints. Raises DrillFailed."""
    completed = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode:
        raise DrillFailed(f"manage.py {arguments[0]}: {completed.stderr.strip()[-500:]}")
    return completed.stdout


def status_of(port: int, path: str) -> int | None:
    """Return the status of one request, None where nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def wait_until(
    condition: Callable[[], bool], seconds: float, said: Callable[[], str] = str
) -> None:
    """Return once the condition holds. Raises DrillFailed with what was said."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DrillFailed(f"waited in vain for {seconds:g} s\n{said()}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
