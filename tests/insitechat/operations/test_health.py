import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import httpx2
import psutil
import psycopg
import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from insitechat.operations.local.engines import Postgres, Valkey
from insitechat.operations.paths import PROJECT
from ratelimit.limiter import limiter_for
from tests.conftest import Service, start_service, stop_service, wait_for


def heartbeat(seconds_ago: int) -> None:
    """Leave a worker's sign of life."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - make_interval(secs => %s))",
            [seconds_ago],
        )


def test_both_are_well(db: None) -> None:
    heartbeat(seconds_ago=1)
    assert Client().get("/healthz").json() == {"status": "ok"}
    assert Client().get("/readyz").json() == {"status": "ok"}


@pytest.mark.parametrize("seconds_ago", [None, 60])
def test_without_a_worker_it_serves_and_says_so(db: None, seconds_ago: int | None) -> None:
    if seconds_ago:
        heartbeat(seconds_ago)
    response = Client().get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "degraded": ["worker"]}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_name_any_host(db: None, path: str) -> None:
    assert Client().get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_a_missing_migration_is_named(db: None) -> None:
    MigrationRecorder.Migration.objects.filter(app="apikeys").delete()
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "missing": ["migrations"]}
    assert Client().get("/healthz").status_code == 200


def test_without_redis_it_serves_and_says_so(db: None, settings: Settings) -> None:
    heartbeat(seconds_ago=1)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = Client().get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "degraded": ["redis"]}
    limiter_for(settings.REDIS_URL).close()


def test_a_database_that_takes_no_writes_is_not_ready(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "missing": ["writable database"]}


class Engines:
    """Engines that a test may stop, and the service on them; each leaves them well."""

    def __init__(self, folder: Path) -> None:
        self.postgres = Postgres(folder / "postgres", durable=False)
        self.valkey = Valkey(folder / "valkey", durable=False)
        self.postgres.start()
        self.valkey.start()
        self.environment = {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "WEB_CONCURRENCY": "2",
        }
        self.manage("migrate")
        self.manage("create_account", "a@example.org", "--password-stdin", stdin="a long phrase!")
        self.key = self.manage("create_api_key", "a@example.org", "x").strip()
        self.ask("UPDATE accounts_plan SET requests_per_minute = 6000 RETURNING 1")
        self.service = start_service(folder, **self.environment)

    def manage(self, *arguments: str, stdin: str = "") -> str:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=os.environ | self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def ask(self, statement: LiteralString) -> Any:
        """Return the only value that the statement returns."""
        with psycopg.connect(self.postgres.url) as database:
            row = database.execute(statement).fetchone()
        assert row is not None
        return row[0]

    def close(self) -> None:
        stop_service(self.service)
        self.valkey.stop()
        self.postgres.stop()


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    engines = Engines(tmp_path_factory.mktemp("e"))
    yield engines
    engines.close()


def get(service: Service, path: str, key: str | None = None) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx2.get(f"{service.url}{path}", headers=headers, timeout=60, trust_env=False)


@pytest.mark.xdist_group("engines")
def test_it_lives_through_engines_that_come_and_go(engines: Engines) -> None:
    service, key = engines.service, engines.key
    chatbots = "/api/v1/chatbots"
    assert get(service, chatbots, key).status_code == 200

    engines.valkey.stop()
    ready = get(service, "/readyz")
    assert (ready.status_code, ready.json()["degraded"][0]) == (200, "redis")
    limited = get(service, chatbots, key)
    assert limited.status_code == 200
    assert limited.headers["RateLimit-Policy"] == '"default";q=6000;w=60'
    engines.valkey.start()
    wait_for(lambda: "redis" not in get(service, "/readyz").json().get("degraded", []))

    engines.postgres.stop()
    gone = get(service, chatbots, key)
    assert gone.status_code == 503
    assert gone.content == b'{"detail": "Service temporarily unavailable."}'
    assert get(service, chatbots, "garbage").status_code == 401
    ready = get(service, "/readyz")
    assert (ready.status_code, ready.json()["missing"]) == (503, ["database"])
    assert get(service, "/healthz").status_code == 200
    engines.postgres.start()
    assert get(service, chatbots, key).status_code == 200
    wait_for(lambda: get(service, "/readyz").status_code == 200)


@pytest.mark.xdist_group("engines")
def test_a_restart_of_the_database_between_two_calls_goes_unnoticed(engines: Engines) -> None:
    with engines.service.client(engines.key) as client:
        assert client.get("/chatbots").status_code == 200
        engines.postgres.stop()
        engines.postgres.start()
        assert [client.get("/chatbots").status_code for _ in range(20)] == [200] * 20
        assert [get(engines.service, "/readyz").status_code for _ in range(20)] == [200] * 20


@pytest.mark.xdist_group("engines")
def test_last_use_is_written_though_the_database_restarted(engines: Engines) -> None:
    def last_use() -> Any:
        return engines.ask("SELECT last_used_at FROM apikeys_apikey")

    with engines.service.client(engines.key) as client:
        client.get("/chatbots")
        wait_for(lambda: last_use() is not None)
        before = last_use()
        engines.postgres.stop()
        engines.postgres.start()
        client.get("/chatbots")
    wait_for(lambda: last_use() != before)


@contextmanager
def frozen(postgres: Postgres) -> Iterator[None]:
    """Stop the server's processes in the middle of what they do; they keep their sockets."""
    assert postgres.process is not None
    postmaster = psutil.Process(postgres.process.pid)
    postmaster.suspend()  # first, so that it starts no more of them
    processes = [postmaster, *postmaster.children(recursive=True)]
    try:
        for process in processes:
            process.suspend()
        yield
    finally:
        for process in processes:
            process.resume()


@pytest.mark.xdist_group("engines")
def test_a_database_that_hangs_makes_nobody_hang(engines: Engines) -> None:
    chatbots = "/api/v1/chatbots"
    with engines.service.client(engines.key, timeout=30) as client:
        assert client.get("/chatbots").status_code == 200
        with frozen(engines.postgres):
            # Of the first ones some have a connection and wait for its answer; the others for one.
            hung = [client.get("/chatbots") for _ in range(4)]
            assert [response.status_code for response in hung] == [503] * 4
            # The shortest, because a busy machine may stall any.
            assert min(response.elapsed.total_seconds() for response in hung) < 3
            assert get(engines.service, chatbots, "garbage").status_code == 401
            assert get(engines.service, "/healthz").status_code == 200
            assert get(engines.service, "/static/core/style.css").status_code == 200
        wait_for(lambda: get(engines.service, "/readyz").status_code == 200)
        wait_for(lambda: client.get("/chatbots").status_code == 200)
        assert [client.get("/chatbots").status_code for _ in range(10)] == [200] * 10
