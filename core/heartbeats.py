"""Heartbeats of workers, by which web processes and other workers tell whether one is running."""

import fcntl
import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread
from typing import BinaryIO

from django.db import Error
from django.db.models.functions import Now
from procrastinate.contrib.django.models import ProcrastinateWorker

from core.db import unit_of_work

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Intervals:
    """The intervals and timeouts of a worker, in seconds."""

    heartbeat: float = 5.0  # workers look for stalled jobs with every heartbeat
    stalled: float = 30.0  # a worker without a heartbeat for so long is considered dead
    orphaned: float = 15.0  # a job that its own worker does not run for so long is lost
    poll: float = 5.0
    graceful_stop: float = 30.0  # then jobs are asked to stop
    forced_stop: float = 5.0  # then the process exits, whatever is running

    @property
    def recovery(self) -> float:
        """The longest wait of a killed worker's job, if another worker has a free thread."""
        return self.stalled + self.heartbeat + self.poll

    @property
    def stop(self) -> float:
        """The longest time that a worker takes to stop."""
        return self.graceful_stop + self.forced_stop


INTERVALS = Intervals()


def is_worker_running() -> bool:
    """Return whether any worker has sent a heartbeat recently."""
    limit = Now() - timedelta(seconds=INTERVALS.stalled)
    return ProcrastinateWorker.objects.filter(last_heartbeat__gt=limit).exists()


class WorkerMonitor:
    """A thread of a web process that logs when no worker is running, and when one is again.

    Of the processes that share a lock file, one logs: the first that locks it, until it exits.
    """

    INTERVAL_SECONDS = 30.0

    def __init__(self, lock_file: BinaryIO) -> None:
        self._lock_file = lock_file
        self._was_running = True

    def start(self) -> None:
        Thread(target=self._monitor, name="worker-monitor", daemon=True).start()

    def check(self) -> None:
        """Log the change since the last check, if there is one."""
        is_running = is_worker_running()
        if is_running == self._was_running:
            return
        self._was_running = is_running
        if is_running:
            logger.info("a worker is running again")
        else:
            logger.warning("no worker is running: mails and all other jobs wait")

    def has_lock(self) -> bool:
        """Return whether this process has locked the file, now or earlier."""
        try:
            # This kind of lock belongs to the process. With flock() it would belong to the open
            # file, which the processes share.
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _monitor(self) -> None:
        while True:
            time.sleep(self.INTERVAL_SECONDS)
            if self.has_lock():
                try:
                    with unit_of_work():
                        self.check()
                except Error as error:
                    logger.warning("cannot tell whether a worker is running: %s", error)
