"""Run a worker."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from procrastinate.exceptions import ConnectorException
from psycopg import OperationalError

from core import worker
from core.scrapes.publishing import Exchange, PortUnavailable

# Web processes of the same machine, which people wait for, have ten times as much weight.
NICENESS = 10
AUTOGROUP = Path("/proc/self/autogroup")


class Command(BaseCommand):
    help = "Run jobs until SIGTERM or SIGINT."

    def handle(self, *args: Any, **options: Any) -> None:
        give_way()
        file = settings.WORKER_HEARTBEAT_FILE
        try:
            publish_metrics()
            worker.run(settings.WORKER_CONCURRENCY, heartbeat_file=Path(file) if file else None)
        except (OperationalError, ConnectorException) as error:
            raise CommandError(f"The database failed: {error.__cause__ or error}") from error
        except worker.WorkerFailed as error:
            raise CommandError("The worker ended by itself; the reason is logged above.") from error
        except PortUnavailable as error:
            raise CommandError(str(error)) from error


def give_way() -> None:
    """Let other processes go first. It cannot be taken back."""
    os.nice(NICENESS)
    # Linux may weigh sessions against each other, and niceness within one only.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            AUTOGROUP.write_text(str(NICENESS))


def publish_metrics() -> None:
    """Answer scrapes on METRICS_PORT, if it is set. Raises PortUnavailable."""
    if not settings.METRICS_PORT:
        return
    publisher = Exchange(settings.METRICS_BIND, settings.METRICS_PORT).publisher()
    if publisher:
        publisher.start()
