"""What a scrape asks PostgreSQL: the queue, the workers, and PostgreSQL itself.

Every process would answer alike, so these have no label for it: alerts take the largest.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import Metric as Family

from core.heartbeats import INTERVALS
from core.outage import one_line, probe_connection

logger = logging.getLogger(__name__)

JOBS = """
    SELECT
        task_name,
        CASE WHEN status = 'doing' THEN 'running'
             WHEN scheduled_at > now() THEN 'scheduled' ELSE 'ready' END AS state,
        count(*)
    FROM procrastinate_jobs WHERE status IN ('todo', 'doing')
    GROUP BY task_name, state
"""
# How long ready jobs have waited, of the thousand that were enqueued first.
READY_AGE = """
    SELECT coalesce(max(extract(epoch FROM now() - since)), 0)::float
    FROM (
        SELECT coalesce(job.scheduled_at, (
            SELECT max(event.at) FROM procrastinate_events event
            WHERE event.job_id = job.id AND event.type <> 'scheduled'
        )) AS since
        FROM procrastinate_jobs job
        WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
        ORDER BY job.id
        LIMIT 1000
    ) ready
"""
WORKERS = """
    SELECT
        count(*) FILTER (WHERE last_heartbeat > now() - %s * interval '1 second'),
        extract(epoch FROM now() - max(last_heartbeat))::float
    FROM procrastinate_workers
"""
MAILS = "SELECT count(*) FROM core_queuedmail"
SERVER = """
    SELECT
        NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off',
        (SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'),
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        current_setting('max_connections')::int
"""


def ask_database() -> Iterable[Family]:
    """Return what PostgreSQL tells; only that it does not answer, where that is so."""
    try:
        with probe_connection() as probe:
            return [is_up(1), *families(probe)]
    except psycopg.OperationalError:
        return [is_up(0)]
    except psycopg.Error as error:
        logger.warning("PostgreSQL does not tell of the queue: %s", one_line(error))
        return [is_up(1)]


def is_up(value: int) -> Family:
    return one("database_up", "1 if PostgreSQL answers.", value)


def families(probe: psycopg.Connection[Any]) -> Iterator[Family]:
    jobs = GaugeMetricFamily("insitechat_jobs", "Jobs by task and state.", labels=("task", "state"))
    for task, state, number in probe.execute(JOBS).fetchall():
        jobs.add_metric((task, state), number)
    yield jobs
    ready_age = row(probe, READY_AGE)[0]
    yield one("job_ready_age_seconds", "How long the oldest ready job has waited.", ready_age)
    workers, heartbeat_age = row(probe, WORKERS, INTERVALS.stalled)
    yield one("workers", "Workers with a recent heartbeat.", workers)
    yield one("worker_heartbeat_age_seconds", "Age of the last heartbeat.", heartbeat_age)
    yield one("mails_waiting", "Mails that are not sent yet.", row(probe, MAILS)[0])
    writable, blocked, connections, maximum = row(probe, SERVER)
    yield one("database_writable", "1 unless PostgreSQL is read-only.", writable)
    yield one("database_sessions_blocked", "Sessions that wait for a lock.", blocked)
    yield one("database_connections", "Connections to PostgreSQL.", connections)
    yield one("database_connections_max", "How many connections it allows.", maximum)


def one(name: str, text: str, value: float | None) -> Family:
    """Return a metric without labels; one without a value where that is None."""
    family = GaugeMetricFamily(f"insitechat_{name}", text)
    if value is not None:
        family.add_metric((), float(value))
    return family


def row(probe: psycopg.Connection[Any], query: str, *parameters: float) -> Sequence[Any]:
    found: Sequence[Any] | None = probe.execute(query, parameters).fetchone()
    assert found is not None  # noqa: S101 (aggregates always return a row)
    return found
