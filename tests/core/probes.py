"""Jobs that tests watch: each appends what it does to a file in the folder of PROBE_FOLDER."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from django.db import connection, transaction

from core.jobs import BackOff, job, periodic, stop_if_asked
from core.models import QueuedMail

SOON = BackOff(attempts=3, first=timedelta(milliseconds=50))


def folder() -> Path:
    return Path(os.environ["PROBE_FOLDER"])


def append(line: str, file_name: str = "lines") -> None:
    with (folder() / file_name).open("a") as file:
        file.write(f"{line}\n")


def wait_for_go() -> None:
    while not (folder() / "go").exists():
        time.sleep(0.01)


@job()
def note(number: int) -> None:
    append(f"note {number}")


@job()
def write(number: int) -> None:
    QueuedMail.objects.create(content={"number": number})


@job()
def leave_transaction_open(number: int) -> None:
    connection.set_autocommit(False)
    write(number)


@job()
def until_go(number: int) -> None:
    append(f"begin {number}")
    wait_for_go()
    append(f"end {number}")


@job()
def until_asked(number: int) -> None:
    append(f"begin {number}")
    while not (folder() / "go").exists():
        stop_if_asked()
        time.sleep(0.01)
    append(f"end {number}")


@job(retry=SOON)
def fail(number: int) -> None:
    append(f"fail {number}")
    raise ValueError(number)


@job(lock="probe {number}")
def alone(number: int) -> None:
    append("begin")
    time.sleep(0.05)
    append("end")


@job(retry=SOON, lock="failing {number}")
def fail_alone(number: int) -> None:
    append(f"begin {number}")
    wait_for_go()
    raise ValueError(number)


@job(retry=SOON)
def die(number: int) -> None:
    append(f"die {number}")
    os.kill(os.getpid(), signal.SIGKILL)


@job(retry=BackOff(attempts=1))
def enqueue_and_fail(number: int) -> None:
    with transaction.atomic():
        note.enqueue(number)
        append("enqueued")
        raise ValueError(number)


@periodic("* * * * * *")
def each_second() -> None:
    append("tick", "ticks")
