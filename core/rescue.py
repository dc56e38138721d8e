"""Retrying the jobs of workers that died.

procrastinate stores heartbeats and finds stalled jobs; deciding what becomes of them is left to us.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from procrastinate import App, JobContext
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import QUEUEING_LOCK_CONSTRAINT, JobManager

from core.heartbeats import Intervals
from core.jobs import BackOff

logger = logging.getLogger(__name__)

HEARTBEAT = """
    UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker_id)s RETURNING id
"""

# The conditions keep out jobs that have changed since they were listed: another worker may have
# retried one, or its own worker may have finished it after all.
RETRY = """
    UPDATE procrastinate_jobs job
    SET attempts = attempts + 1,
        abort_requested = false,
        status = CASE
            WHEN abort_requested THEN 'aborted'
            WHEN %(is_last_attempt)s OR EXISTS (
                SELECT FROM procrastinate_jobs
                WHERE status = 'todo' AND queueing_lock = job.queueing_lock
            ) THEN 'failed'
            ELSE 'todo'
        END::procrastinate_job_status
    WHERE id = %(job_id)s AND status = 'doing' AND attempts = %(attempts)s
        AND worker_id IS NOT DISTINCT FROM %(worker_id)s
    RETURNING status
"""


class Manager(JobManager):
    """A JobManager whose retries cannot collide with a waiting job."""

    async def retry_job(self, job: Job, *args: Any, **kwargs: Any) -> None:
        """Retry a job, or let it fail if another one waits for its lock by now.

        Only one of them can wait. procrastinate raises then and leaves the job running in its
        records, for ever and with its lock.
        """
        try:
            await super().retry_job(job, *args, **kwargs)
        except UniqueViolation as error:
            if error.constraint_name != QUEUEING_LOCK_CONSTRAINT:
                raise
            await self.finish_job(job, Status.FAILED, delete_job=False)


class Rescue:
    """A worker's own heartbeat, and its search for jobs that nobody runs any more."""

    def __init__(self, app: App, intervals: Intervals) -> None:
        self.app = app
        self.intervals = intervals
        self.running: dict[int, str] = {}
        self._orphaned_at: dict[int, float] = {}

    async def track(
        self, call_next: Callable[[], Awaitable[Any]], context: JobContext, _: object
    ) -> Any:
        """Worker middleware that keeps track of what this process runs."""
        job_id = context.job.id or 0
        self.running[job_id] = f"{context.job.task_name}[{job_id}]"
        try:
            return await call_next()
        finally:
            del self.running[job_id]

    async def send_heartbeat(self, worker_id: int) -> None:
        """Record that this worker is alive. Raises NoResult if others have declared it dead."""
        await self.app.connector.execute_query_one_async(HEARTBEAT, worker_id=worker_id)

    async def retry_lost_jobs(self, worker_id: int) -> None:
        """Retry the jobs of dead workers, and those assigned to this one that it does not run.

        The latter exist if the database failed while a job was fetched or its outcome stored.
        """
        manager = self.app.job_manager
        stalled = await manager.get_stalled_jobs(seconds_since_heartbeat=self.intervals.stalled)
        assigned = await manager.list_jobs_async(status="doing", worker_id=worker_id)
        orphans = {job.id: job for job in assigned if job.id and job.id not in self.running}
        # Every job is an orphan for a moment before and after it runs.
        now = time.monotonic()
        self._orphaned_at = {job_id: self._orphaned_at.get(job_id, now) for job_id in orphans}
        limit = now - self.intervals.orphaned
        lost = [orphans[job_id] for job_id, since in self._orphaned_at.items() if since <= limit]
        for job in [*stalled, *lost]:
            await self.retry(job)
        await manager.prune_stalled_workers(self.intervals.stalled)

    async def retry(self, job: Job) -> None:
        """Make a lost job due, unless this was its last attempt or another waits for its lock."""
        task = self.app.tasks.get(job.task_name)
        back_off = task.retry_strategy if task else None
        with suppress(UniqueViolation):  # another began to wait just now; the next search sees it
            rows = await self.app.connector.execute_query_all_async(
                RETRY,
                job_id=job.id,
                worker_id=job.worker_id,
                attempts=job.attempts,
                is_last_attempt=not isinstance(back_off, BackOff) or back_off.is_last_attempt(job),
            )
            for row in rows:
                level = logging.WARNING if row["status"] == Status.TODO.value else logging.ERROR
                logger.log(
                    level, "%s[%s] lost its worker: %s", job.task_name, job.id, row["status"]
                )
