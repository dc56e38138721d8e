"""The server and the worker as child processes that are restarted when they exit."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from insitechat.operations.local.engines import with_parent
from insitechat.operations.paths import PROJECT

PAUSE_SECONDS = 2.0


class Supervised:
    """A Python program of this project's. It never outlives its parent."""

    def __init__(self, name: str, *arguments: str, **environment: str) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self.process = self._start()
        self._restart_at: float | None = None

    def restart_if_needed(self) -> None:
        """Restart the program if it has exited, after a pause. Call this again and again."""
        if self.process.poll() is None:
            return
        if self._restart_at is None:
            print(
                f"{self.name} has exited (exit code {self.process.returncode}); "
                f"it is restarted in {PAUSE_SECONDS:g} seconds.",
                flush=True,
            )
            self._restart_at = time.monotonic() + PAUSE_SECONDS
        elif time.monotonic() >= self._restart_at:
            self.process = self._start()
            self._restart_at = None

    def stop(self, timeout_seconds: float) -> None:
        """Let the program end in order, and wait for it."""
        self.process.terminate()
        try:
            self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        environment: Mapping[str, str] = os.environ | self._environment
        return subprocess.Popen(
            [*with_parent(), sys.executable, *self._arguments],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C goes to the parent, which stops this one in order
        )


def metrics_port() -> dict[str, str]:
    """Return the variable for a port of the worker's own, the next one after the service's."""
    port = os.environ.get("METRICS_PORT")
    return {"METRICS_PORT": str(int(port) + 1)} if port else {}


@contextmanager
def running_worker(stop_timeout_seconds: float) -> Iterator[Supervised]:
    """Run a worker while the block runs."""
    worker = Supervised("The worker", "manage.py", "worker", **metrics_port())
    try:
        yield worker
    finally:
        worker.stop(stop_timeout_seconds)
