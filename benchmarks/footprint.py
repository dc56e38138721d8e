"""How long the service takes to start, and what its processes keep in memory."""

import statistics
import subprocess
import sys
import time

from benchmarks.servers import Project, serving
from insitechat.paths import PROJECT

TIMES = 3
MIB = 1024 * 1024


def report(project: Project) -> str:
    starts, unique, proportional = [], [], []
    for _ in range(TIMES):
        with serving(project, workers=2) as server:
            starts.append(server.seconds_to_ready)
            for worker in server.workers:
                memory = worker.memory_full_info()
                unique.append(memory.uss / MIB)
                proportional.append(memory.pss / MIB)
    return (
        f"start to ready {statistics.median(starts):.2f} s, import {import_seconds():.2f} s; "
        f"memory of an idle worker of two: {statistics.median(unique):.0f} MiB its own, "
        f"{statistics.median(proportional):.0f} MiB with its share of what is common"
    )


def import_seconds() -> float:
    """Return what importing the application costs beyond starting Python."""
    return timed("import insitechat.wsgi") - timed("")


def timed(code: str) -> float:
    seconds = []
    for _ in range(TIMES):
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
        seconds.append(time.monotonic() - started)
    return statistics.median(seconds)
