"""PostgreSQL: what it is, how much room it has, and whether its clock goes right."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from insitechat.environment.reading import read
from insitechat.operations.doctor.finding import Finding

VERSION = 18
# What a worker needs beside its jobs: it listens, fetches and sends heartbeats.
WORKER_CONNECTIONS = 5
CLOCKS_APART_SECONDS = 2.0
FACTS = """
SELECT current_setting('server_version_num')::int / 10000,
       current_setting('max_connections')::int
           - current_setting('superuser_reserved_connections')::int
           - current_setting('reserved_connections')::int,
       (SELECT count(DISTINCT client_addr) FROM pg_stat_activity
        WHERE application_name = 'insitechat' AND datname = current_database()),
       EXISTS (SELECT FROM pg_extension WHERE extname = 'vector'),
       extract(epoch FROM clock_timestamp())::float
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What PostgreSQL says of itself. `clients` are the machines that are connected now."""

    version: int
    connections: int
    clients: int
    has_vectors: bool
    clock: float


def examine() -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            asked = time.time()
            cursor.execute(FACTS)
            row = cursor.fetchone()
            answered = time.time()
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        yield Finding(
            f"PostgreSQL does not answer: {str(error).strip()}",
            "Start it, or correct DATABASE_URL and DATABASE_PASSWORD.",
        )
        return
    facts = Facts(*row)
    yield from examine_server(facts)
    yield from examine_room(facts, needed_by_web(), needed_by_worker())
    yield from examine_clock("PostgreSQL", facts.clock, asked, answered)
    yield from examine_migrations([f"{step.app_label}.{step.name}" for step, _ in plan])


def needed_by_web() -> int:
    """Return how many connections the web processes of one machine open at most."""
    environment = read()
    return environment.WEB_CONCURRENCY * environment.DATABASE_CONNECTIONS


def needed_by_worker() -> int:
    return int(settings.WORKER_CONCURRENCY) + WORKER_CONNECTIONS


def examine_server(facts: Facts) -> Iterator[Finding]:
    if facts.version < VERSION:
        yield Finding(
            f"PostgreSQL is of version {facts.version}; the service is tested with {VERSION}.",
            "Upgrade it.",
            is_warning=True,
        )
    if not facts.has_vectors:
        yield Finding(
            "The database lacks the extension vector.",
            "Run CREATE EXTENSION vector in it as a superuser (pgvector has to be installed).",
        )


def examine_room(facts: Facts, web: int, worker: int) -> Iterator[Finding]:
    # One of the clients is the worker's machine, which may serve as well.
    machines = max(facts.clients - 1, 1)
    needed = machines * web + worker
    if needed > facts.connections:
        yield Finding(
            f"PostgreSQL lets {facts.connections} connections in, but {machines} web container(s) "
            f"may open {web} each and a worker {worker}: {needed}. Requests would answer 503.",
            f"Set max_connections to {needed + 20} or more, or lower DATABASE_CONNECTIONS.",
        )


def examine_clock(name: str, clock: float, asked: float, answered: float) -> Iterator[Finding]:
    """Compare a clock with this machine's, read before and after it was asked."""
    apart = max(asked - clock, clock - answered)
    if apart > CLOCKS_APART_SECONDS:
        yield Finding(
            f"The clock of {name} is {apart:.0f} seconds apart from this machine's.",
            "Let NTP set the clocks of all machines.",
            is_warning=True,
        )


def examine_migrations(missing: list[str]) -> Iterator[Finding]:
    if missing:
        yield Finding(
            f"{len(missing)} migration(s) are not applied: {', '.join(missing[:5])}.",
            "Run `manage.py migrate`.",
        )
