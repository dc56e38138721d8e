"""The process that reads one file: `sandbox` starts it, and says there what it is given."""

import json
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from chatbots.knowledge.extraction.reader import read
from chatbots.knowledge.extraction.reading import File, Unreadable
from chatbots.knowledge.extraction.sandbox import Limits, Outcome


def main() -> None:
    header = json.loads(sys.stdin.buffer.readline())
    confine(Limits(**header.pop("limits")))
    file = File(sys.stdin.buffer.read(), **header)
    try:
        reading = read(file)
    except Unreadable as error:
        answer(Outcome.UNREADABLE, str(error).encode())
    except MemoryError:
        answer(Outcome.TOO_LARGE)
    else:
        answer(Outcome.READ, reading.to_json())


def confine(limits: Limits) -> None:
    """Bound this process, which ends by itself if its parent has died."""
    with suppress(OSError):  # if memory runs out, this process is to be killed, not its parent
        Path("/proc/self/oom_score_adj").write_text("1000")
    for kind, limit in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    # At the first limit comes SIGXCPU, which tells the parent why; at the second SIGKILL.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    signal.alarm(limits.seconds)


def answer(outcome: Outcome, body: bytes = b"") -> None:
    sys.stdout.buffer.write(outcome.value + body)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
