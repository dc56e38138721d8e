"""Deleting what is too old to be kept."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from core import retention
from core.models import QueuedMail
from core.retention import (
    FAILED_JOBS_KEPT,
    SUCCEEDED_JOBS_KEPT,
    delete_ended_jobs,
    delete_in_batches,
)

SECOND = timedelta(seconds=1)


def test_rows_are_deleted_so_many_at_a_time(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    QueuedMail.objects.bulk_create(QueuedMail(content={}) for _ in range(5))
    kept = QueuedMail.objects.create(content={"kept": True})
    with CaptureQueriesContext(connection) as queries:
        assert delete_in_batches(QueuedMail.objects.exclude(pk=kept.pk)) == 5
    assert sum(query["sql"].startswith("DELETE") for query in queries) == 3
    assert QueuedMail.objects.get() == kept


def ended_job(status: str, ago: timedelta) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status)"
            " VALUES ('default', 'x', %s) RETURNING id",
            [status],
        )
        job_id = int(cursor.fetchone()[0])
        cursor.execute("DELETE FROM procrastinate_events WHERE job_id = %s", [job_id])
        cursor.execute(
            "INSERT INTO procrastinate_events (job_id, type, at) VALUES (%s, 'deferred', %s)",
            [job_id, timezone.now() - ago],
        )
    return job_id


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        ("succeeded", SUCCEEDED_JOBS_KEPT),
        ("failed", FAILED_JOBS_KEPT),
        ("cancelled", FAILED_JOBS_KEPT),
        ("aborted", FAILED_JOBS_KEPT),
    ],
)
def test_ended_jobs_are_kept_for_a_time(
    db: None, monkeypatch: pytest.MonkeyPatch, status: str, kept: timedelta
) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    for _ in range(3):
        ended_job(status, kept + SECOND)
    young = ended_job(status, kept - 60 * SECOND)
    delete_ended_jobs()
    assert [job.id for job in ProcrastinateJob.objects.all()] == [young]


@pytest.mark.parametrize("status", ["todo", "doing"])
def test_jobs_that_have_not_ended_stay(db: None, status: str) -> None:
    ended_job(status, FAILED_JOBS_KEPT + SECOND)
    delete_ended_jobs()
    assert ProcrastinateJob.objects.exists()
