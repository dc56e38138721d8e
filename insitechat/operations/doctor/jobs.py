"""The worker and its queue."""

from collections.abc import Iterator

from django.db import DatabaseError, connection

from core.heartbeats import is_worker_running
from insitechat.operations.doctor.finding import Finding

OVERDUE_SECONDS = 300.0
FACTS = """
SELECT coalesce(max(extract(epoch FROM now() - coalesce(job.scheduled_at, event.at))), 0)::float,
       (SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed')
FROM procrastinate_jobs job
JOIN procrastinate_events event ON event.job_id = job.id AND event.type = 'deferred'
WHERE job.status = 'todo' AND coalesce(job.scheduled_at, event.at) < now()
"""


def examine() -> Iterator[Finding]:
    try:
        is_running = is_worker_running()
        with connection.cursor() as cursor:
            cursor.execute(FACTS)
            overdue_seconds, failed = cursor.fetchone()
    except DatabaseError:
        return  # told of elsewhere
    yield from examine_queue(is_running=is_running, overdue_seconds=overdue_seconds, failed=failed)


def examine_queue(*, is_running: bool, overdue_seconds: float, failed: int) -> Iterator[Finding]:
    if not is_running:
        yield Finding(
            "No worker has been seen for half a minute: mails and all other jobs wait.",
            "Start `manage.py worker` (docker-compose up --detach worker), and read its log.",
        )
    elif overdue_seconds > OVERDUE_SECONDS:
        yield Finding(
            f"A job has been waiting for {overdue_seconds / 60:.0f} minutes.",
            "Start more workers, or raise WORKER_CONCURRENCY.",
        )
    if failed:
        yield Finding(
            f"{failed} job(s) have failed for good in the last 30 days.",
            "Read the worker's log, and retry them with `manage.py procrastinate shell`.",
            is_warning=True,
        )
