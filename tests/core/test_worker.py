"""How a worker stops, and what it does about other workers that died."""

import signal
import subprocess
from dataclasses import replace
from datetime import datetime

import pytest
from django.db import connection
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateWorker
from procrastinate.jobs import Job

from core.heartbeats import INTERVALS, is_worker_running
from core.models import QueuedMail
from core.worker import run_as_unit_of_work
from insitechat.operations.local.__main__ import STOP_TIMEOUT_SECONDS
from securitylog.origin import Actor, acting, find_origin
from tests.conftest import wait_for
from tests.core import probes
from tests.core.test_jobs import ends_as, status
from tests.workers import QUICK, Workers


def kill(worker: subprocess.Popen[bytes]) -> int:
    """Kill the only worker that there is; return its id."""
    worker_id: int = ProcrastinateWorker.objects.get().id
    worker.kill()
    worker.wait()
    return worker_id


def age_heartbeat(worker_id: int) -> None:
    """Let time pass for a dead worker."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - make_interval(secs => %s)"
            " WHERE id = %s",
            [INTERVALS.stalled + 1, worker_id],
        )


def last_heartbeat() -> datetime:
    heartbeat: datetime = ProcrastinateWorker.objects.get().last_heartbeat
    return heartbeat


class TestKilledWorker:
    def test_its_job_is_retried_within_a_minute_by_default(self) -> None:
        assert INTERVALS.recovery <= 45  # the rest of the minute is left to a busy machine

    def test_its_job_is_retried_once_however_many_others_look_for_it(
        self, workers: Workers
    ) -> None:
        worker = workers.start()
        job_id = probes.until_go.enqueue(1)
        wait_for(lambda: workers.lines() == ["begin 1"], what=workers.said)
        worker_id = kill(worker)
        for _ in range(2):
            workers.start()
        age_heartbeat(worker_id)
        wait_for(lambda: workers.lines() == ["begin 1"] * 2, what=workers.said)
        workers.go()
        ends_as("succeeded", job_id, workers)
        assert workers.lines() == ["begin 1", "begin 1", "end 1"]
        workers.wait_until_said(f"until_go[{job_id}] lost its worker: todo")

    def test_its_job_is_left_alone_while_it_may_be_alive(self, workers: Workers) -> None:
        worker = workers.start()
        job_id = probes.until_go.enqueue(1)
        wait_for(lambda: workers.lines() == ["begin 1"], what=workers.said)
        kill(worker)
        workers.start()
        ends_as("succeeded", probes.note.enqueue(2), workers)
        assert status(job_id) == "doing"

    def test_a_job_that_kills_every_worker_is_given_up(self, workers: Workers) -> None:
        job_id = probes.die.enqueue(1)
        for attempt in range(1, 4):
            workers.start().wait(60)
            assert workers.lines() == ["die 1"] * attempt
            age_heartbeat(ProcrastinateWorker.objects.get().id)
        workers.start()
        ends_as("failed", job_id, workers)
        assert workers.lines() == ["die 1"] * 3
        workers.wait_until_said(f"die[{job_id}] lost its worker: failed")

    def test_its_cancelled_job_is_not_retried(self, workers: Workers) -> None:
        job_id = running_nowhere(abort_requested=True)
        workers.start()
        ends_as("aborted", job_id, workers)
        assert workers.lines() == []

    def test_its_job_yields_to_one_that_waits_for_the_lock(self, workers: Workers) -> None:
        job_id = running_nowhere(lock="probe 1", queueing_lock="probe 1")
        waiting_id = probes.alone.enqueue(1)
        workers.start()
        ends_as("failed", job_id, workers)
        ends_as("succeeded", waiting_id, workers)
        assert workers.lines() == ["begin", "end"]


def running_nowhere(**columns: str | int) -> int:
    """Store a job that runs according to the database only."""
    defaults = {"queue_name": "default", "task_name": probes.note.name, "status": "doing"}
    columns = {**defaults, **columns}
    names, values = ", ".join(columns), ", ".join("%s" for _ in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO procrastinate_jobs (args, {names})"
            f" VALUES ('{{\"number\": 1}}', {values}) RETURNING id",
            [*columns.values()],
        )
        return int(cursor.fetchone()[0])


def test_a_job_that_its_worker_does_not_run_is_retried(workers: Workers) -> None:
    """As after a failure of the database while a job was fetched or its outcome stored."""
    workers.start(intervals=replace(QUICK, orphaned=0.5))
    worker_id = ProcrastinateWorker.objects.get().id
    job_id = running_nowhere(worker_id=worker_id)
    ends_as("succeeded", job_id, workers)
    assert "note 1" in workers.lines()
    workers.wait_until_said(f"note[{job_id}] lost its worker: todo")


class TestStop:
    def test_it_is_shorter_than_its_supervisors_wait(self) -> None:
        assert INTERVALS.stop < STOP_TIMEOUT_SECONDS

    @pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
    def test_running_jobs_finish_and_no_other_starts(
        self, workers: Workers, stop: signal.Signals
    ) -> None:
        worker = workers.start()
        running_id = probes.until_go.enqueue(1)
        wait_for(lambda: workers.lines() == ["begin 1"], what=workers.said)
        worker.send_signal(stop)
        workers.wait_until_said("worker stopping")
        waiting_id = probes.note.enqueue(2)
        before = last_heartbeat()
        wait_for(lambda: last_heartbeat() > before, what=workers.said)  # it still sends them
        workers.go()
        assert worker.wait(60) == 0, workers.said()
        assert (status(running_id), status(waiting_id)) == ("succeeded", "todo")
        assert not ProcrastinateWorker.objects.exists()

    def test_a_job_that_checks_for_the_stop_is_run_again_by_the_next_worker(
        self, workers: Workers
    ) -> None:
        worker = workers.start(intervals=replace(QUICK, graceful_stop=0.1))
        job_id = probes.until_asked.enqueue(1)
        wait_for(lambda: workers.lines() == ["begin 1"], what=workers.said)
        worker.terminate()
        assert worker.wait(60) == 0, workers.said()
        assert status(job_id) == "todo"
        workers.go()
        workers.start()
        ends_as("succeeded", job_id, workers)

    def test_a_job_that_does_not_end_is_abandoned_and_retried_at_once(
        self, workers: Workers
    ) -> None:
        worker = workers.start(intervals=replace(QUICK, graceful_stop=0.1, forced_stop=0.1))
        job_id = probes.until_go.enqueue(1)
        wait_for(lambda: workers.lines() == ["begin 1"], what=workers.said)
        worker.terminate()
        assert worker.wait(60) == 1
        assert f"abandons running jobs: tests.core.probes.until_go[{job_id}]" in workers.said()
        assert not ProcrastinateWorker.objects.exists()
        workers.go()
        workers.start()
        ends_as("succeeded", job_id, workers)


def test_a_worker_that_others_declared_dead_exits(workers: Workers) -> None:
    worker = workers.start()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")
    assert worker.wait(60) == 1, workers.said()


def test_a_worker_is_running_from_its_start_to_its_stop(workers: Workers) -> None:
    assert not is_worker_running()
    worker = workers.start()
    assert is_worker_running()
    worker.terminate()
    worker.wait(60)
    assert not is_worker_running()


class TestUnitOfWork:
    def test_a_job_inherits_no_context_from_the_command_that_started_its_worker(self) -> None:
        stored = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="x")
        context = JobContext(app=app, job=stored, start_timestamp=0, abort_reason=lambda: None)
        with acting(Actor.COMMAND_LINE):
            actor = run_as_unit_of_work(lambda: find_origin(None).actor, context, None)
            assert find_origin(None).actor == Actor.COMMAND_LINE
        assert actor == Actor.SERVICE

    def test_a_job_passes_no_open_transaction_on_to_the_next(self, workers: Workers) -> None:
        workers.start(concurrency=1)
        ends_as("succeeded", probes.leave_transaction_open.enqueue(1), workers)
        ends_as("succeeded", probes.write.enqueue(2), workers)
        assert [mail.content for mail in QueuedMail.objects.all()] == [{"number": 2}]
