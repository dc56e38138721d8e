"""Real worker processes on the data of a test."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from core.heartbeats import Intervals
from insitechat.operations.paths import PROJECT
from tests.conftest import database_url, wait_for

# Nothing waits for a timer, but timeouts stay long: a worker of a busy machine is slow, not dead.
QUICK = Intervals(heartbeat=0.1, poll=0.1)

RUN = """
import json, sys
import django
django.setup()
import tests.core.probes
from core import worker
worker.run(int(sys.argv[1]), worker.Intervals(**json.loads(sys.argv[2])))
"""


class Workers:
    """Starts workers, and keeps what the jobs of tests.core.probes do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "worker.log"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log.touch()
        for name in ("lines", "ticks"):
            (folder / name).touch()

    def start(
        self, concurrency: int = 4, intervals: Intervals = QUICK, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a worker and return once it works."""
        started = self.said().count("worker started")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(concurrency), json.dumps(asdict(intervals))],
                cwd=PROJECT,
                env=os.environ
                | {"DATABASE_URL": database_url(), "PROBE_FOLDER": str(self.folder)}
                | environment,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        wait_for(
            lambda: self.said().count("worker started") > started,
            within_seconds=120,
            what=self.said,
        )
        return process

    def said(self) -> str:
        return self.log.read_text()

    def wait_until_said(self, text: str) -> None:
        """Wait for a line of the log; it follows the row that it tells about."""
        wait_for(lambda: text in self.said(), within_seconds=120, what=self.said)

    def lines(self, file_name: str = "lines") -> list[str]:
        """Return what jobs have appended so far."""
        return (self.folder / file_name).read_text().splitlines()

    def go(self) -> None:
        """Let the jobs go on that wait for it."""
        (self.folder / "go").touch()

    def close(self) -> None:
        self.go()
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(60)
