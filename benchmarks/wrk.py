"""Running wrk and parsing its result."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parent / "rotate.lua"
CONNECTIONS = 8
TIMEOUT_SECONDS = 30
RESULT = re.compile(r"^RESULT (.+)$", re.MULTILINE)


class BenchmarkFailed(Exception):
    """A measurement is meaningless; the message says why."""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured in one round; times in microseconds."""

    requests: int
    microseconds: int
    bytes: int
    p50: int
    p99: int
    refused: int
    broken: int
    timeouts: int

    @property
    def per_second(self) -> float:
        return self.requests / self.microseconds * 1_000_000


def parse(output: str) -> Load:
    """Parse the line that rotate.lua prints. Raises BenchmarkFailed if there is none."""
    result = RESULT.search(output)
    if result is None:
        raise BenchmarkFailed(f"wrk printed no result:\n{output}")
    return Load(**{name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", result[1])})


def fire(url: str, fields: Path, *, seconds: int, connections: int = CONNECTIONS) -> Load:
    """Load the URL, rotating through the file's header fields. Raises BenchmarkFailed."""
    if shutil.which("wrk") is None:
        raise BenchmarkFailed("The program wrk is missing; on Debian: apt-get install wrk")
    completed = subprocess.run(
        [
            *("wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s"),
            *("--timeout", f"{TIMEOUT_SECONDS}s", "-s", str(SCRIPT), url, "--", str(fields)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return parse(completed.stdout + completed.stderr)


def check(load: Load, *, refused: bool) -> None:
    """Raise BenchmarkFailed unless all calls were answered, and all refused or none."""
    expected = load.requests if refused else 0
    if load.requests == 0 or load.broken or load.timeouts or load.refused != expected:
        raise BenchmarkFailed(f"Expected {expected} refused calls, got {load}.")
