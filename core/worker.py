"""The worker: a process that runs jobs until it is told to stop.

procrastinate fetches and runs them. Added here: a stop takes a bounded time, the jobs of dead
workers are retried (core.rescue), and a worker exits when the database fails, so that its
supervisor starts a new one.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import Context
from pathlib import Path
from typing import Any

from procrastinate import App, JobContext, PsycopgConnector
from procrastinate import worker as procrastinate_worker
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job as StoredJob
from psycopg import AsyncConnection

from core import tracing
from core.db import unit_of_work
from core.heartbeats import INTERVALS, Intervals
from core.jobs import BackOff, current_job
from core.metrics import Counter, Histogram
from core.rescue import Manager, Rescue

logger = logging.getLogger(__name__)

# For its own records. Jobs use Django's connections, one for each thread.
CONNECTIONS_MAX = 4
CONNECTION_TIMEOUT_SECONDS = 5.0


JOB_ATTEMPTS = Counter(
    "insitechat_job_attempts_total",
    "Attempts at jobs: succeeded, stopped, failed and to be retried, or failed for good.",
    *("task", "outcome"),
)
JOB_SECONDS = Histogram("insitechat_job_seconds", "How long attempts at jobs took.", "task")


class WorkerFailed(Exception):
    """The worker ended although it was not told to stop."""


def run(
    concurrency: int, intervals: Intervals = INTERVALS, heartbeat_file: Path | None = None
) -> None:
    """Run up to `concurrency` jobs at once until SIGTERM or SIGINT.

    The heartbeat file is touched with every heartbeat. Raises WorkerFailed, and OperationalError
    or ConnectorException if the database fails.
    """
    connector = PsycopgConnector(
        kwargs=connector_params(),
        min_size=1,
        max_size=CONNECTIONS_MAX,
        timeout=CONNECTION_TIMEOUT_SECONDS,
    )
    tracing.start()
    with app.replace_connector(connector) as worker_app:
        worker_app.job_manager = Manager(connector)
        asyncio.run(Worker(worker_app, concurrency, intervals, heartbeat_file).run())


class Worker:
    """The process around procrastinate's worker."""

    def __init__(
        self, app: App, concurrency: int, intervals: Intervals, heartbeat_file: Path | None
    ) -> None:
        self.app = app
        self.concurrency = concurrency
        self.intervals = intervals
        self.heartbeat_file = heartbeat_file
        self.rescue = Rescue(app, intervals)
        self.stop_requested = asyncio.Event()
        self.worker = procrastinate_worker.Worker(
            app,
            concurrency=concurrency,
            fetch_job_polling_interval=intervals.poll,
            abort_job_polling_interval=intervals.poll,
            update_heartbeat_interval=intervals.heartbeat,
            stalled_worker_timeout=intervals.stalled,
            shutdown_graceful_timeout=intervals.graceful_stop,
            install_signal_handlers=False,
            task_middleware=[run_as_unit_of_work],
            worker_middleware=[self.rescue.track],
        )

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(self.concurrency, thread_name_prefix="job"))
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(stop_signal, self.stop_requested.set)
        self.app.perform_import_paths()
        for task in self.app.tasks:
            JOB_ATTEMPTS.inc(task, "failed", by=0)  # so that the first failure is an increase
        # Without this, the pool would retry for half a minute and not report the reason.
        await (await AsyncConnection.connect(**connector_params())).close()
        async with self.app.open_async():
            await self._run_until_stopped()

    async def _run_until_stopped(self) -> None:
        working = asyncio.create_task(self.worker.run())
        beating = asyncio.create_task(self._beat())
        stopping = asyncio.create_task(self.stop_requested.wait())
        await asyncio.wait({working, beating, stopping}, return_when=asyncio.FIRST_COMPLETED)
        logger.info("worker stopping")
        self.worker.stop()
        # Heartbeats go on meanwhile: without them, other workers would retry the last jobs.
        await asyncio.wait({working}, timeout=self.intervals.stop)
        if not working.done():
            await self._abandon_jobs()
        beating.cancel()
        await asyncio.wait({beating})
        if not stopping.done():
            for task in (working, beating):
                if not task.cancelled():
                    task.result()
            raise WorkerFailed
        working.result()
        logger.info("worker stopped")

    async def _abandon_jobs(self) -> None:
        """Exit while jobs are running. Unregistered, they are retried by other workers at once."""
        logger.error("worker abandons running jobs: %s", ", ".join(self.rescue.running.values()))
        if self.worker.worker_id is not None:
            with suppress(Exception):
                await self.app.job_manager.unregister_worker(self.worker.worker_id)
        os._exit(1)

    async def _beat(self) -> None:
        while self.worker.worker_id is None:
            await asyncio.sleep(0.01)
        logger.info("worker started with %d threads", self.concurrency)
        while (worker_id := self.worker.worker_id) is not None:
            await self.rescue.send_heartbeat(worker_id)
            if self.heartbeat_file:
                self.heartbeat_file.touch()
            await self.rescue.retry_lost_jobs(worker_id)
            await asyncio.sleep(self.intervals.heartbeat)


def run_as_unit_of_work(call_next: Callable[[], Any], context: JobContext, _: object) -> Any:
    """Task middleware, in the job's thread: make the job a unit of work.

    The job starts with an empty context. It would inherit that of the command which started the
    worker otherwise, and the security log would attribute what it does to the command line.
    """

    def run_job() -> Any:
        current_job.set(context)
        with observed(context.job), tracing.span(f"job {context.job.task_name}"):
            return call_next()

    with unit_of_work():
        return Context().run(run_job)


@contextmanager
def observed(job: StoredJob) -> Iterator[None]:
    """Count an attempt at a job, and take its time."""
    began = time.monotonic()
    outcome = "succeeded"
    try:
        yield
    except JobAborted:
        outcome = "stopped"
        raise
    except Exception:
        task = app.tasks.get(job.task_name)
        back_off = task.retry_strategy if task else None
        is_retried = isinstance(back_off, BackOff) and not back_off.is_last_attempt(job)
        outcome = "retried" if is_retried else "failed"
        raise
    finally:
        JOB_ATTEMPTS.inc(job.task_name, outcome)
        JOB_SECONDS.observe(time.monotonic() - began, job.task_name)
