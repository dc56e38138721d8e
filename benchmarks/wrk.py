"""Firing with wrk, and reading what it says."""

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
    """A measurement has no meaning; the text says why."""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw in one round."""

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
    """Read the line that rotate.lua writes. Raises BenchmarkFailed where there is none."""
    found = RESULT.search(output)
    if found is None:
        raise BenchmarkFailed(f"wrk said nothing of a result:\n{output}")
    return Load(**{name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", found[1])})


def fire(url: str, fields: Path, *, seconds: int, connections: int = CONNECTIONS) -> Load:
    """Fire at the URL with one header field after the other. Raises BenchmarkFailed."""
    if shutil.which("wrk") is None:
        raise BenchmarkFailed("The program wrk is missing; on Debian: apt-get install wrk")
    done = subprocess.run(
        [
            *("wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s"),
            *("--timeout", f"{TIMEOUT_SECONDS}s", "-s", str(SCRIPT), url, "--", str(fields)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return parse(done.stdout + done.stderr)


def check(load: Load, *, refused: bool) -> None:
    """Raise BenchmarkFailed unless every answer was of the expected kind."""
    expected = load.requests if refused else 0
    if load.requests == 0 or load.broken or load.timeouts or load.refused != expected:
        raise BenchmarkFailed(f"Expected {expected} refused calls of all, got {load}.")
