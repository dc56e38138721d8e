import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from insitechat.local.engines import Postgres, Valkey
from insitechat.paths import PROJECT
from ratelimit.limiter import limiter_for
from tests.conftest import Service, start_service, stop_service, wait_for


def test_both_are_well(db: None) -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}
    assert Client().get("/readyz").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_name_any_host(db: None, path: str) -> None:
    assert Client().get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_a_missing_migration_is_named(db: None) -> None:
    MigrationRecorder.Migration.objects.filter(app="apikeys").delete()
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "missing": ["migrations"]}
    assert Client().get("/healthz").status_code == 200


def test_a_missing_redis_is_named(db: None, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "missing": ["redis"]}
    limiter_for(settings.REDIS_URL).close()


class Engines:
    """Engines of this test alone, that it may stop, and the service on them."""

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

    def close(self) -> None:
        stop_service(self.service)
        self.valkey.stop()
        self.postgres.stop()


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    engines = Engines(tmp_path)
    yield engines
    engines.close()


def get(service: Service, path: str, key: str | None = None) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx2.get(f"{service.url}{path}", headers=headers, timeout=10, trust_env=False)


def test_it_lives_through_engines_that_come_and_go(engines: Engines) -> None:
    service, key = engines.service, engines.key
    chatbots = "/api/v1/chatbots"
    assert get(service, chatbots, key).status_code == 200

    engines.valkey.stop()
    ready = get(service, "/readyz")
    assert (ready.status_code, ready.json()["missing"]) == (503, ["redis"])
    limited = get(service, chatbots, key)
    assert limited.status_code == 200
    assert limited.headers["RateLimit-Policy"] == '"default";q=60;w=60'
    engines.valkey.start()
    wait_for(lambda: get(service, "/readyz").status_code == 200)

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


def test_a_restart_of_the_database_between_two_calls_goes_unnoticed(engines: Engines) -> None:
    with engines.service.client(engines.key) as client:
        assert client.get("/chatbots").status_code == 200
        engines.postgres.stop()
        engines.postgres.start()
        assert [client.get("/chatbots").status_code for _ in range(20)] == [200] * 20
        assert [get(engines.service, "/readyz").status_code for _ in range(20)] == [200] * 20


def test_last_use_is_written_though_the_database_restarted(engines: Engines) -> None:
    def listed() -> str:
        return engines.manage("list_api_keys", "a@example.org").splitlines()[1]

    with engines.service.client(engines.key) as client:
        client.get("/chatbots")
        wait_for(lambda: "never" not in listed())
        before = listed()
        engines.postgres.stop()
        engines.postgres.start()
        client.get("/chatbots")
    wait_for(lambda: listed() != before)
