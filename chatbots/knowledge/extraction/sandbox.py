"""Reading a file in a process of its own, which a hostile file may crash, fill or hang.

The process has no connection to anything, and none of this one's environment. Its memory, CPU time
and time are bounded, and it cannot write to files.
"""

import json
import logging
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path

from chatbots.knowledge.extraction.reading import File, Reading, Unreadable

logger = logging.getLogger(__name__)
ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "chatbots.knowledge.extraction"]


@dataclass(frozen=True, slots=True)
class Limits:
    memory_bytes: int = 768 * 1024 * 1024  # of addresses; a page takes a tenth of it
    cpu_seconds: int = 60
    seconds: int = 90


class Outcome(Enum):
    """The first byte that the process answers. What follows is the reading, or the reason."""

    READ = b"+"
    UNREADABLE = b"-"
    TOO_LARGE = b"!"


LIMITS = Limits()
TOO_LARGE = "Reading it takes too much memory: split it."
TOO_SLOW = "Reading it takes too long: split it."
CRASHED = "The file is damaged: reading it failed."


def read_safely(file: File, limits: Limits = LIMITS) -> Reading:
    """Read a file or page whatever it does. Raises Unreadable."""
    header = asdict(replace(file, content=b"")) | {"limits": asdict(limits)}
    del header["content"]
    try:
        child = subprocess.run(
            COMMAND,
            cwd=ROOT,
            env={},
            input=json.dumps(header).encode() + b"\n" + file.content,
            capture_output=True,
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unreadable(TOO_SLOW) from error
    return outcome_of(child)


def outcome_of(child: "subprocess.CompletedProcess[bytes]") -> Reading:
    first, body = child.stdout[:1], child.stdout[1:]
    if child.returncode == 0 and first == Outcome.READ.value:
        return Reading.from_json(body)
    if child.returncode == 0 and first == Outcome.UNREADABLE.value:
        raise Unreadable(body.decode())
    is_out_of_memory = b"MemoryError" in child.stderr or child.returncode == -signal.SIGKILL
    if first == Outcome.TOO_LARGE.value or is_out_of_memory:
        raise Unreadable(TOO_LARGE)
    if child.returncode in {-signal.SIGXCPU, -signal.SIGALRM}:
        raise Unreadable(TOO_SLOW)
    logger.warning("reading a file failed: %s", child.stderr.decode(errors="replace")[-2000:])
    raise Unreadable(CRASHED)
