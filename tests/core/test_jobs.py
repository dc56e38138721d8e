"""Jobs, from being enqueued to their end, by real workers."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from core.jobs import BackOff, cancel, serialize
from tests.conftest import wait_for
from tests.core import probes
from tests.workers import Workers

Result = TypeVar("Result")


def status(job_id: int) -> str:
    return str(ProcrastinateJob.objects.get(id=job_id).status)


def ends_as(expected: str, job_id: int, workers: Workers) -> None:
    wait_for(lambda: status(job_id) == expected, within_seconds=120, what=workers.said)


def elsewhere(function: Callable[[], Result]) -> Result:
    """Call the function in another thread, hence outside of this one's transaction."""

    def call() -> Result:
        try:
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(call).result()


class TestEnqueuing:
    def test_an_enqueued_job_is_run(self, workers: Workers) -> None:
        workers.start()
        ends_as("succeeded", probes.note.enqueue(1), workers)
        assert workers.lines() == ["note 1"]

    def test_a_job_does_not_start_before_its_transaction_commits(self, workers: Workers) -> None:
        workers.start()
        with transaction.atomic():
            first = probes.note.enqueue(1)
            ends_as("succeeded", elsewhere(lambda: probes.note.enqueue(2)), workers)
            assert workers.lines() == ["note 2"]
        ends_as("succeeded", first, workers)

    def test_a_transaction_that_rolls_back_enqueues_nothing(self, transactional_db: None) -> None:
        with transaction.atomic():
            probes.note.enqueue(1)
            transaction.set_rollback(True)
        assert not ProcrastinateJob.objects.exists()

    def test_nor_does_one_inside_of_a_job(self, workers: Workers) -> None:
        workers.start()
        ends_as("failed", probes.enqueue_and_fail.enqueue(1), workers)
        assert workers.lines() == ["enqueued"]
        assert not ProcrastinateJob.objects.filter(task_name=probes.note.name).exists()

    @pytest.mark.parametrize(
        "argument", ["a@example.org", f"ic_{'a' * 44}", "Two words", "", None, 1.5, [1]]
    )
    def test_an_argument_that_is_no_id_is_refused(self, argument: object) -> None:
        with pytest.raises(ValueError, match="number is not an id"):
            serialize({"number": argument})

    def test_a_uuid_is_stored_as_text(self) -> None:
        source_id = uuid.uuid4()
        assert serialize({"source_id": source_id, "position": 3}) == {
            "source_id": str(source_id),
            "position": 3,
        }


class TestRetrying:
    def test_a_failing_job_is_retried_until_its_attempts_are_used_up(
        self, workers: Workers
    ) -> None:
        workers.start()
        job_id = probes.fail.enqueue(1)
        ends_as("failed", job_id, workers)
        assert workers.lines() == ["fail 1"] * 3
        workers.wait_until_said(f"fail[{job_id}] failed in attempt 2 of 3")

    def test_the_back_off_doubles_up_to_its_longest(self) -> None:
        back_off = BackOff(first=timedelta(seconds=1), longest=timedelta(seconds=5))
        waits = [back_off.wait_after(attempts).total_seconds() for attempts in range(1, 6)]
        assert waits == [1, 2, 4, 5, 5]


class TestLocks:
    def test_of_one_lock_one_job_waits(self, db: None) -> None:
        waiting = probes.alone.enqueue(1)
        assert probes.alone.enqueue(1) == waiting
        assert probes.alone.enqueue(2) != waiting

    def test_of_one_lock_one_job_runs_whatever_the_number_of_workers(
        self, workers: Workers
    ) -> None:
        for _ in range(2):
            workers.start(concurrency=4)
        with ThreadPoolExecutor(8) as threads:
            for _ in threads.map(lambda _: elsewhere(lambda: probes.alone.enqueue(1)), range(200)):
                pass
        wait_for(lambda: not ProcrastinateJob.objects.filter(status__in=["todo", "doing"]).exists())
        assert len(workers.lines()) >= 4
        assert workers.lines() == ["begin", "end"] * (len(workers.lines()) // 2)
        assert not ProcrastinateJob.objects.exclude(status="succeeded").exists()

    def test_a_job_starts_after_every_transaction_that_relies_on_it(self, workers: Workers) -> None:
        waiting = probes.alone.enqueue(1)
        with transaction.atomic():
            assert probes.alone.enqueue(1) == waiting
            workers.start()
            ends_as("succeeded", elsewhere(lambda: probes.note.enqueue(2)), workers)
            assert workers.lines() == ["note 2"]
        ends_as("succeeded", waiting, workers)

    def test_enqueuing_again_ends_the_back_off_of_the_one_that_waits(self, db: None) -> None:
        waiting = probes.alone.enqueue(1)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour'")
        assert probes.alone.enqueue(1) == waiting
        assert ProcrastinateJob.objects.get(id=waiting).scheduled_at is None

    def test_a_failed_job_yields_to_the_one_that_waits(self, workers: Workers) -> None:
        workers.start()
        first = probes.fail_alone.enqueue(1)
        wait_for(lambda: workers.lines() == ["begin 1"], what=workers.said)
        second = probes.fail_alone.enqueue(1)
        workers.go()
        ends_as("failed", second, workers)
        assert status(first) == "failed"
        assert workers.lines() == ["begin 1"] * 4  # once, then three times
        assert "lost its worker" not in workers.said()


class TestCancelling:
    def test_a_job_that_waits_is_never_run(self, workers: Workers) -> None:
        job_id = probes.note.enqueue(1)
        assert cancel(job_id)
        workers.start()
        ends_as("succeeded", probes.note.enqueue(2), workers)
        assert workers.lines() == ["note 2"]
        assert status(job_id) == "cancelled"

    def test_a_job_that_runs_is_asked_to_stop(self, workers: Workers) -> None:
        workers.start()
        job_id = probes.until_asked.enqueue(1)
        wait_for(lambda: workers.lines() == ["begin 1"], what=workers.said)
        assert cancel(job_id)
        ends_as("aborted", job_id, workers)
        assert workers.lines() == ["begin 1"]

    def test_what_has_ended_cannot_be_cancelled(self, db: None) -> None:
        assert not cancel(1)

    def test_a_rolled_back_transaction_cancels_nothing(self, transactional_db: None) -> None:
        job_id = probes.note.enqueue(1)
        with transaction.atomic():
            cancel(job_id)
            transaction.set_rollback(True)
        assert status(job_id) == "todo"


class TestPeriodicJobs:
    def test_each_time_of_the_clock_is_one_job_however_many_workers_run(
        self, workers: Workers
    ) -> None:
        for _ in range(2):
            workers.start()
        wait_for(lambda: len(workers.lines("ticks")) >= 3, what=workers.said)
        jobs = ProcrastinateJob.objects.filter(task_name=probes.each_second.name)
        times = [job.args["timestamp"] for job in jobs]
        assert len(times) == len(set(times)) >= 3

    def test_one_can_be_enqueued_by_hand(self, db: None) -> None:
        probes.each_second.enqueue()
        assert ProcrastinateJob.objects.get().args == {}
