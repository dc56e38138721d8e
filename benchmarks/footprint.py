"""How long the service takes to start, and how much memory its processes hold."""

import statistics
import subprocess
import sys
import time

from benchmarks.servers import Project, serving
from insitechat.operations.paths import PROJECT

REPETITIONS = 3
MIB = 1024 * 1024


def report(project: Project) -> str:
    starts, unique, proportional = [], [], []
    for _ in range(REPETITIONS):
        with serving(project, workers=2) as server:
            starts.append(server.seconds_to_ready)
            for worker in server.workers:
                memory = worker.memory_full_info()
                unique.append(memory.uss / MIB)
                proportional.append(memory.pss / MIB)
    return (
        f"start to ready {statistics.median(starts):.2f} s, import {import_seconds():.2f} s; "
        f"memory of one of two idle workers: {statistics.median(unique):.0f} MiB unshared, "
        f"{statistics.median(proportional):.0f} MiB with its part of what they share"
    )


def import_seconds() -> float:
    """Return the seconds that importing the application takes, without Python's own start."""
    return timed("import insitechat.wsgi") - timed("")


def timed(code: str) -> float:
    seconds = []
    for _ in range(REPETITIONS):
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
        seconds.append(time.monotonic() - started)
    return statistics.median(seconds)
