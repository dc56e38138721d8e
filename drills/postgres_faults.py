"""PostgreSQL, gone, stalled or not writable."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from drills.drill import Drill
from drills.stage import Stage

OUTAGE_SECONDS = 5.0


def restarted(at: Stage) -> None:
    at.postgres.stop()
    at.postgres.start()


def away(at: Stage) -> None:
    at.postgres.stop()
    time.sleep(OUTAGE_SECONDS)
    at.postgres.start()


def away_during_slow_chats(at: Stage) -> None:
    """Be away when the answers come and have to be stored, or given back."""
    at.provider.seconds = 3.0
    time.sleep(2.0)
    away(at)
    at.provider.seconds = 0.3


def killed(at: Stage) -> None:
    if at.postgres.process is not None:
        at.postgres.process.kill()
        at.postgres.process.wait()
    # Its other processes notice, and end by themselves.
    time.sleep(1.0)
    at.postgres.start()


def frozen(at: Stage) -> None:
    with suspended(at):
        time.sleep(OUTAGE_SECONDS)


@contextmanager
def suspended(at: Stage) -> Iterator[None]:
    """Stop the server's processes in the middle of what they do; they keep their sockets."""
    if at.postgres.process is None:
        raise ValueError("PostgreSQL does not run")
    postmaster = psutil.Process(at.postgres.process.pid)
    postmaster.suspend()  # first, so that it starts no more of them
    processes = [postmaster, *postmaster.children(recursive=True)]
    try:
        for process in processes:
            process.suspend()
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # it was about to end
                process.resume()


def locked(at: Stage) -> None:
    with at.postgres.connect("insitechat") as database, database.transaction():
        database.execute("LOCK TABLE apikeys_apikey, chatbots_chatbot, accounts_user")
        time.sleep(OUTAGE_SECONDS)


def read_only(at: Stage) -> None:
    set_read_only(at, "on")
    time.sleep(OUTAGE_SECONDS)
    set_read_only(at, "off")


def set_read_only(at: Stage, value: str) -> None:
    with at.postgres.connect("insitechat") as database:
        database.execute("SET default_transaction_read_only = off")
        database.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        database.execute("SELECT pg_reload_conf()")


DRILLS = [
    Drill("postgres-restarted", "PostgreSQL restarted", restarted, may_be_unavailable=True),
    Drill("postgres-away", "PostgreSQL gone for 5 s", away, may_be_unavailable=True),
    Drill(
        "postgres-away-chats",
        "PostgreSQL gone during slow chats",
        away_during_slow_chats,
        may_be_unavailable=True,
    ),
    Drill("postgres-killed", "PostgreSQL killed", killed, may_be_unavailable=True),
    Drill("postgres-frozen", "PostgreSQL frozen for 5 s", frozen, may_be_unavailable=True),
    Drill("postgres-locked", "tables locked for 5 s", locked, may_be_unavailable=True),
    Drill("postgres-read-only", "PostgreSQL read-only 5 s", read_only, may_be_unavailable=True),
]
