"""How web processes learn whether a worker is there."""

import logging
import subprocess
import sys
from collections.abc import Callable
from tempfile import TemporaryFile

import pytest
from django.db import connection

from core.heartbeats import INTERVALS, WorkerMonitor, is_worker_running
from insitechat.operations.paths import PROJECT


@pytest.fixture
def beat(db: None) -> Callable[[float], None]:
    """Return what makes a worker that gave its last sign of life so many seconds ago."""

    def insert(seconds_ago: float) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_workers")
            cursor.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - make_interval(secs => %s))",
                [seconds_ago],
            )

    return insert


def test_a_is_worker_running_for_as_long_as_its_heartbeat_is_young(
    beat: Callable[[float], None],
) -> None:
    assert not is_worker_running()
    beat(INTERVALS.stalled - 10)
    assert is_worker_running()
    beat(INTERVALS.stalled + 10)
    assert not is_worker_running()


def test_what_changes_is_logged_once(
    beat: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with TemporaryFile() as turn:
        monitor = WorkerMonitor(turn)
        beat(0)
        monitor.check()
        assert caplog.messages == []
        beat(3600)
        for _ in range(3):
            monitor.check()
        assert caplog.messages == ["no worker is running: mails and all other jobs wait"]
        beat(0)
        for _ in range(3):
            monitor.check()
        assert caplog.messages[1:] == ["a worker is running again"]


ASK_AND_WAIT = """
import django, os, sys
django.setup()
from core.heartbeats import WorkerMonitor
monitor = WorkerMonitor(os.fdopen(int(sys.argv[1]), "r+b"))
print(monitor.has_lock(), flush=True)
sys.stdin.read()
"""


def is_the_one(turn: int) -> tuple[subprocess.Popen[str], bool]:
    """Return a process that shares the open file, and whether it is the one that looks."""
    process = subprocess.Popen(
        [sys.executable, "-c", ASK_AND_WAIT, str(turn)],
        cwd=PROJECT,
        pass_fds=[turn],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline() == "True\n"


def test_of_processes_that_share_a_turn_one_looks_and_another_once_it_has_ended() -> None:
    with TemporaryFile() as turn:
        first, first_looks = is_the_one(turn.fileno())
        second, second_looks = is_the_one(turn.fileno())
        first.communicate()
        third, third_looks = is_the_one(turn.fileno())
        assert (first_looks, second_looks, third_looks) == (True, False, True)
        for process in (second, third):
            process.communicate()
