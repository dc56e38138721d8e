"""What the doctor finds."""

from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from chatbots.models import Chatbot
from insitechat.operations.doctor import configuration, database, front_door, jobs, mail, redis
from insitechat.operations.doctor.database import Facts
from insitechat.operations.health import DOCTOR_HEADER, doctor_signature
from tests.conftest import Service
from tests.core.smtp_server import smtp_server

HEALTHY = Facts(version=18, connections=100, clients=2, has_vectors=True, clock=1000.0)
REDIS = {"maxmemory_policy": "noeviction", "maxmemory": 100, "used_memory": 10, "aof_enabled": 1}


def problems(findings: Any) -> str:
    return "\n".join(finding.problem for finding in findings)


def test_it_says_what_is_wrong_and_what_to_do(db: None, settings: LazySettings) -> None:
    settings.DEBUG = True
    printed = StringIO()
    with pytest.raises(CommandError, match="have to be put right"):
        call_command("doctor", stdout=printed)
    lines = printed.getvalue().splitlines()
    assert "ok       PostgreSQL" in lines
    found = lines.index("wrong    Configuration: DEBUG is on: errors show the code to everybody.")
    assert lines[found + 1] == "         → Take DEBUG away."
    assert any(line.startswith("wrong    Worker: No worker has been seen") for line in lines)


@pytest.mark.parametrize(
    ("key", "is_weak"), [("x" * 60, True), ("abcdefghij", True), ("abcdefghij" * 6, False)]
)
def test_a_weak_secret_key(key: str, is_weak: bool) -> None:
    assert bool(list(configuration.examine_key(key))) is is_weak


def test_a_provider_that_is_used_and_not_configured(
    chatbot: Chatbot, settings: LazySettings
) -> None:
    settings.OPENAI_API_KEY = ""
    assert not problems(configuration.examine_providers())
    Chatbot.objects.update(provider=Chatbot.Provider.CHATGPT)
    assert "OPENAI_API_KEY is not set" in problems(configuration.examine_providers())


def test_plain_http_and_a_full_disk() -> None:
    assert "can be read" in problems(configuration.examine_address("http://chat.example.org"))
    assert not problems(configuration.examine_address("http://127.0.0.1:8000"))
    assert "0.5 GiB of 10 GiB" in problems(configuration.examine_disk(2**29, 10 * 2**30))


def test_postgresql() -> None:
    old = Facts(version=16, connections=50, clients=4, has_vectors=False, clock=1000.0)
    assert not problems(database.examine_server(HEALTHY))
    assert "version 16" in problems(database.examine_server(old))
    assert "extension vector" in problems(database.examine_server(old))
    assert not problems(database.examine_room(HEALTHY, 32, 9))
    assert "3 web container(s)" in problems(database.examine_room(old, 32, 9))
    assert not problems(database.examine_clock("PostgreSQL", 1000.0, 999.5, 1001.0))
    assert "10 seconds apart" in problems(database.examine_clock("Redis", 1000.0, 1010, 1011))
    assert "2 migration(s)" in problems(database.examine_migrations(["a.0001", "b.0002"]))


def test_a_database_that_is_gone(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "FACTS", "SELECT 1 / 0")
    assert "PostgreSQL does not answer: division by zero" in problems(database.examine())


def test_redis(settings: LazySettings) -> None:
    assert not problems(redis.examine_memory(REDIS))
    evicts = REDIS | {"maxmemory_policy": "allkeys-lru", "used_memory": 90}
    assert "Redis evicts (allkeys-lru)" in problems(redis.examine_memory(evicts))
    assert "Redis uses" in problems(redis.examine_memory(evicts))
    assert not problems(redis.examine_persistence(REDIS))
    assert "could not save" in problems(
        redis.examine_persistence(REDIS | {"rdb_last_bgsave_status": "err"})
    )
    settings.REDIS_URL = "unix:///nowhere"
    assert "Redis does not answer" in problems(redis.examine())


def test_jobs_that_wait_and_jobs_that_failed(db: None) -> None:
    healthy: dict[str, Any] = {"is_running": True, "overdue_seconds": 10, "failed": 0}
    assert not problems(jobs.examine_queue(**healthy))
    late = problems(jobs.examine_queue(**healthy | {"overdue_seconds": 1200, "failed": 3}))
    assert "waiting for 20 minutes" in late
    assert "3 job(s) have failed" in late
    with connection.cursor() as cursor:
        cursor.execute(jobs.FACTS)
        assert cursor.fetchone() == (0, 0)


def test_a_mail_server(settings: LazySettings) -> None:
    settings.MAIL_TRANSPORT = mail.SMTP
    settings.EMAIL_HOST = "127.0.0.1"
    with smtp_server() as server:
        settings.EMAIL_PORT = server.port
        assert not problems(mail.examine())
    settings.EMAIL_PORT = 1
    assert "127.0.0.1:1 refuses" in problems(mail.examine())


def test_only_the_doctor_is_told_what_the_service_sees() -> None:
    client = Client(REMOTE_ADDR="203.0.113.9")
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/healthz", headers={DOCTOR_HEADER: "doctor:x:y"}).json() == {"status": "ok"}
    answer = client.get("/healthz", headers={DOCTOR_HEADER: doctor_signature()}).json()
    assert answer["seen"]["address"] == "203.0.113.9"


def test_the_front_door(service: Service, settings: LazySettings) -> None:
    settings.PUBLIC_URL = service.url
    assert not problems(front_door.examine())
    settings.SECRET_KEY = "that of another installation"
    assert "not as this installation does" in problems(front_door.examine())
    settings.PUBLIC_URL = "http://127.0.0.1:1"
    assert "cannot be examined from here" in problems(front_door.examine())
    settings.PUBLIC_URL = "https://nowhere.invalid"
    assert "cannot be reached: its name is unknown" in problems(front_door.examine())


@pytest.mark.parametrize(
    ("seen", "count", "found"),
    [
        ({}, 1, ""),
        ({"forwarded": ["192.0.2.1"], "address": "203.0.113.9"}, 0, ""),
        ({"host": "web:8000"}, 1, "asked for the host web:8000"),
        ({"is_secure": False}, 1, "redirect for ever"),
        ({"address": "192.0.2.1"}, 2, "can make up their address"),
        ({}, 0, "whose address all visitors share"),
    ],
)
def test_what_proxies_do(
    seen: dict[str, Any], count: int, found: str, settings: LazySettings
) -> None:
    settings.PUBLIC_URL = "https://chat.example.org"
    settings.TRUSTED_PROXY_COUNT = count
    good = {
        "host": "chat.example.org",
        "is_secure": True,
        "address": "203.0.113.9",
        "forwarded": ["192.0.2.1", "203.0.113.9"],
    }
    told = problems(front_door.examine_headers(good | seen, is_secure=True))
    assert found in told
    assert bool(found) == bool(told)


def test_a_certificate_that_ends() -> None:
    assert "ends in 3 days" in problems(front_door.examine_certificate(3))
    assert not problems(front_door.examine_certificate(30))
