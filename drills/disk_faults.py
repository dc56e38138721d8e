"""The disk of the data and the logs, full."""

import os
import time
from pathlib import Path

from drills.drill import Drill
from drills.stage import Stage

OUTAGE_SECONDS = 5.0
DISK_MEGABYTES = 400


def full(at: Stage) -> None:
    """Fill the disk to its last byte, and free it again."""
    filler = at.folder / "filler"
    fill(filler)
    time.sleep(OUTAGE_SECONDS)
    filler.unlink()
    process = at.postgres.process
    if process is not None and process.poll() is not None:
        at.notes.append("PostgreSQL ended because of it, and was started again")
        at.postgres.start()


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as output:
        for block in (1 << 20, 1 << 12, 1):
            while write(output.fileno(), block):
                pass


def write(descriptor: int, size: int) -> bool:
    try:
        return os.write(descriptor, b"\0" * size) == size
    except OSError:
        return False


DRILLS = [
    Drill(
        "disk-full",
        "the disk of data and logs full for 5 s",
        full,
        may_be_unavailable=True,
        disk_megabytes=DISK_MEGABYTES,
    )
]
