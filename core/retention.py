"""Deleting old data in bounded batches, and the retention of jobs themselves."""

from datetime import timedelta
from typing import Any

from django.db import connection, models
from django.utils import timezone

from core.jobs import periodic, stop_if_asked

BATCH = 1000
SUCCEEDED_JOBS_KEPT = timedelta(days=1)
FAILED_JOBS_KEPT = timedelta(days=30)


def delete_in_batches(rows: models.QuerySet[Any]) -> int:
    """Delete the rows, BATCH in a transaction, and return how many were deleted.

    Django's cascade loads dependent rows into memory: delete those in batches first.
    """
    number = 0
    while ids := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
        stop_if_asked()
        number += rows.filter(pk__in=ids).delete()[1].get(rows.model._meta.label, 0)
    return number


DELETE_ENDED_JOBS = """
    DELETE FROM procrastinate_jobs WHERE id IN (
        SELECT id FROM procrastinate_jobs job
        WHERE (
            status = 'succeeded' AND NOT EXISTS (
                SELECT FROM procrastinate_events WHERE job_id = job.id AND at > %s
            )
        ) OR (
            status IN ('failed', 'cancelled', 'aborted') AND NOT EXISTS (
                SELECT FROM procrastinate_events WHERE job_id = job.id AND at > %s
            )
        )
        LIMIT %s
    )
"""


@periodic("41 * * * *")
def delete_ended_jobs() -> None:
    now = timezone.now()
    parameters = (now - SUCCEEDED_JOBS_KEPT, now - FAILED_JOBS_KEPT, BATCH)
    with connection.cursor() as cursor:
        while True:
            stop_if_asked()
            cursor.execute(DELETE_ENDED_JOBS, parameters)
            if cursor.rowcount < BATCH:
                return
