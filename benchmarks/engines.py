"""The throwaway engines of a benchmark, and counters of the calls that they serve."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from insitechat.operations.local.engines import Postgres, Valkey

PEERS = "peers"


class CountingPostgres(Postgres):
    """PostgreSQL with `pg_stat_statements`, which counts only inside `Engines.counting`."""

    def command(self) -> list[str]:
        return [
            *super().command(),
            *("-c", "shared_preload_libraries=pg_stat_statements"),
            *("-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"),
        ]


@dataclass(frozen=True, slots=True)
class Engines:
    postgres: Postgres
    valkey: Valkey

    @property
    def peers_url(self) -> str:
        return self.postgres.url.replace("/insitechat?", f"/{PEERS}?")

    @contextmanager
    def counting(self) -> Iterator["Counts"]:
        """Count statements and round trips to Redis inside the block."""
        counts = Counts()
        with self.postgres.connect("postgres") as database, self.redis() as client:
            track_statements(database, "all")
            before = count_reads(client)
            yield counts
            # Reading the counter is a round trip itself.
            counts.round_trips = count_reads(client) - before - 1
            counts.statements = count_statements(database)
            track_statements(database, "none")

    def redis(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.valkey.socket))


@dataclass(slots=True)
class Counts:
    """What the engines counted; set at the end of the block."""

    statements: int = 0
    round_trips: int = 0


def track_statements(database: psycopg.Connection, which: str) -> None:
    database.execute(f"ALTER SYSTEM SET pg_stat_statements.track = '{which}'")
    database.execute("SELECT pg_reload_conf(), pg_stat_statements_reset()")


def count_statements(database: psycopg.Connection) -> int:
    """Return how many statements clients have sent to databases other than `postgres`.

    The queries that PostgreSQL itself runs to check foreign keys are left out.
    """
    row = database.execute(
        "SELECT coalesce(sum(calls), 0)::int "
        "FROM pg_stat_statements JOIN pg_database ON oid = dbid "
        "WHERE toplevel AND datname <> 'postgres' AND query NOT LIKE 'SELECT 1 FROM ONLY %'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def count_reads(client: redis.Redis) -> int:
    """Return how often Redis has read from a connection, which is once per round trip."""
    return int(client.info("stats")["total_reads_processed"])


@contextmanager
def running_engines() -> Iterator[Engines]:
    """Run both engines on fresh data without durability; removes everything afterwards."""
    with tempfile.TemporaryDirectory(prefix="insitechat-bench-") as folder, ExitStack() as stack:
        # PostgreSQL may run as another user, who has to pass through to its own private folder.
        Path(folder).chmod(0o711)
        postgres = CountingPostgres(Path(folder) / "postgres", durable=False)
        valkey = Valkey(Path(folder) / "valkey", durable=False)
        for engine in (postgres, valkey):
            engine.start()
            stack.callback(engine.stop)
        with postgres.connect("postgres") as database:
            database.execute("CREATE EXTENSION pg_stat_statements")
            database.execute(f"CREATE DATABASE {PEERS}")
            database.execute("ALTER SYSTEM SET pg_stat_statements.track = 'none'")
            database.execute("SELECT pg_reload_conf()")
        yield Engines(postgres, valkey)
