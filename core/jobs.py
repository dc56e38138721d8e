"""Jobs: work that a request does not wait for, declared and enqueued here.

A job is a function in an app's `jobs.py`, which is discovered as `admin.py` is. `enqueue` inserts a
row on Django's own connection, in the caller's transaction: if it rolls back, nothing is enqueued.
A worker (core.worker) runs each job at least once. A job whose worker is killed runs again, so jobs
have to tolerate repetition.

Arguments are stored and logged. Pass ids, never personal data or secrets.
"""

import inspect
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any, Generic, ParamSpec, cast

from django.db import connection, transaction
from django.utils import timezone
from procrastinate import BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import AlreadyEnqueued, JobAborted
from procrastinate.jobs import Job as StoredJob
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task

logger = logging.getLogger(__name__)
Parameters = ParamSpec("Parameters")

# In a worker, the app's own connector uses connections outside of Django's transactions. Jobs are
# enqueued through this one, so that jobs enqueue further jobs transactionally as well.
queue = JobManager(DjangoConnector())
# The job that the current thread of a worker runs.
current_job: ContextVar[JobContext | None] = ContextVar("current_job", default=None)

ID = re.compile(r"[a-z0-9_.-]{1,40}")  # matches UUIDs and short names, but no address and no key


@dataclass(frozen=True)
class BackOff(BaseRetryStrategy):
    """Retry after `first`, doubling the wait each time, up to `attempts` attempts in total.

    An attempt that ends with the death of its worker counts, but is retried without a wait.
    """

    attempts: int = 5
    first: timedelta = timedelta(seconds=10)
    longest: timedelta = timedelta(hours=4)

    def wait_after(self, attempts: int) -> timedelta:
        """Return the wait after so many failed attempts."""
        return min(self.first * (1 << attempts - 1), self.longest)

    def is_last_attempt(self, job: StoredJob) -> bool:
        """Return whether the attempt under way is the last one."""
        return job.attempts + 1 >= self.attempts

    def get_retry_decision(
        self, *, exception: BaseException, job: StoredJob
    ) -> RetryDecision | None:
        if isinstance(exception, JobAborted):  # because its worker stops
            return RetryDecision(retry_at=timezone.now())
        if self.is_last_attempt(job):
            return None
        wait = self.wait_after(job.attempts + 1)
        logger.warning(
            "%s[%s] failed in attempt %d of %d and is retried in %s",
            *(job.task_name, job.id, job.attempts + 1, self.attempts, wait),
            exc_info=exception,
        )
        return RetryDecision(retry_at=timezone.now() + wait)


class Job(Generic[Parameters]):
    """A function that workers run. Calling the job runs it in the current thread."""

    def __init__(
        self,
        function: Callable[Parameters, None],
        retry: BackOff,
        lock: str = "",
        priority: int = 0,
    ) -> None:
        self.function = function
        self.retry = retry
        self.lock = lock
        self.priority = priority
        self.name = f"{function.__module__}.{function.__qualname__}"
        self._signature = inspect.signature(function)
        self.task = app.task(name=self.name, retry=retry)(function)

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        self.function(*args, **kwargs)

    def enqueue(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> int:
        """Enqueue the job in the current transaction and return its id.

        If a job with the same lock is waiting already, that one becomes due and its id is returned.
        It cannot start before this transaction ends, so it sees what this transaction has written.
        """
        arguments = serialize(self._signature.bind(*args, **kwargs).arguments)
        lock = self.lock.format(**arguments) or None
        deferrer = configure_task(
            name=self.name, job_manager=queue, lock=lock, queueing_lock=lock, priority=self.priority
        )
        if lock is None:
            return deferrer.defer(**arguments)
        while True:
            try:
                with transaction.atomic():
                    return deferrer.defer(**arguments)
            except AlreadyEnqueued:
                if (waiting_id := make_due(lock)) is not None:
                    return waiting_id


def serialize(arguments: Mapping[str, Any]) -> dict[str, int | str]:
    """Return the arguments as they are stored. Raises ValueError for anything but ids."""
    stored = {
        name: str(value) if isinstance(value, uuid.UUID) else value
        for name, value in arguments.items()
    }
    for name, value in stored.items():
        if not isinstance(value, int) and not (isinstance(value, str) and ID.fullmatch(value)):
            raise ValueError(f"{name} is not an id: the arguments of jobs are logged")
    return stored


MAKE_DUE = """
    UPDATE procrastinate_jobs SET scheduled_at = NULL
    WHERE queueing_lock = %s AND status = 'todo'
    RETURNING id
"""


def make_due(lock: str) -> int | None:
    """End the back-off of the job that waits for the lock, and return its id.

    Its row stays locked until the transaction ends. None means that it has just started.
    """
    with connection.cursor() as cursor:
        cursor.execute(MAKE_DUE, [lock])
        row = cursor.fetchone()
    return row[0] if row else None


def job(
    *, retry: BackOff | None = None, lock: str = "", priority: int = 0
) -> Callable[[Callable[Parameters, None]], Job[Parameters]]:
    """Declare a function as a job.

    For each lock at most one job runs and at most one waits. A lock can contain arguments:
    `"crawl {source_id}"`. Among the jobs that are due, higher priorities start first.
    """

    def declare(function: Callable[Parameters, None]) -> Job[Parameters]:
        return Job(function, retry or BackOff(), lock, priority)

    return declare


def periodic(cron: str) -> Callable[[Callable[[], None]], Job[[]]]:
    """Declare a function as a job that is enqueued on a schedule, in UTC.

    It is enqueued once for each time of the schedule, whatever the number of workers. The latest
    time that passed while no worker ran is made up for if it was less than ten minutes ago.
    """

    def declare(function: Callable[[], None]) -> Job[[]]:
        @wraps(function)
        def run(timestamp: int = 0) -> None:
            function()

        declared = Job[[]](run, BackOff(attempts=3))
        declared.lock = declared.name
        schedule = app.periodic(cron=cron, lock=declared.lock, queueing_lock=declared.lock)
        schedule(cast(Any, declared.task))  # procrastinate passes the scheduled time to it
        return declared

    return declare


def cancel(job_id: int) -> bool:
    """Cancel a waiting job, or ask a running one to stop; return False if it has ended.

    This takes effect when the transaction commits.
    """
    return queue.cancel_job_by_id(job_id, abort=True)


def stop_if_asked() -> None:
    """Raise JobAborted if the current job was cancelled or its worker stops.

    Long jobs call this between steps. A job that ends because its worker stops runs again.
    """
    context = current_job.get()
    if context is not None and context.should_abort():
        raise JobAborted
