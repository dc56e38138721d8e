"""Where the project keeps what it makes while it runs on one machine."""

import fcntl
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DATA = PROJECT / ".data"
# `make run` holds this lock for as long as it serves.
LOCK = DATA / "lock"
# What it serves with, so that manage.py finds the same engines.
LOCAL_ENVIRONMENT = DATA / "local.env"


def is_served_here() -> bool:
    """Say whether `make run` serves; what a killed one left behind does not count."""
    if not LOCAL_ENVIRONMENT.exists():
        return False
    with LOCK.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
