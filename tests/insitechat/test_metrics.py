"""What Prometheus reads of the real service and of a real worker."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

import httpx2
import psutil
import pytest
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client.parser import text_string_to_metric_families

from accounts.jobs import delete_account
from accounts.models import User
from apikeys import tokens
from apikeys.services import create_api_key
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot
from chatbots.services import create_chatbot
from insitechat.operations.paths import PROJECT
from tests.conftest import SHOP, Service, database_url, start_service, stop_service, wait_for

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def scrape(port: int) -> Samples:
    response = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=60, trust_env=False)
    assert response.status_code == 200, response.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    """Add up the samples of this name that have these labels."""
    wanted = set(labels.items())
    return sum(value for (found, has), value in samples.items() if found == name and wanted <= has)


@pytest.fixture
def measured(transactional_db: None, tmp_path: Path) -> Iterator[tuple[Service, int]]:
    port = free_port()
    service = start_service(tmp_path, METRICS_PORT=str(port))
    yield service, port
    stop_service(service)


def test_a_scrape_has_what_all_processes_did(measured: tuple[Service, int]) -> None:
    service, port = measured
    owner = User.objects.create_user("a@example.org")
    key = create_api_key(owner, "x").token.plaintext
    chatbot = create_chatbot(owner, "Shop")
    add_text_source(chatbot, "Rules", SHOP)
    remote = create_chatbot(owner, "Remote", provider=Chatbot.Provider.OLLAMA)
    add_text_source(remote, "Rules", SHOP)
    question = {"message": "How long may items be returned?"}
    with service.client(key) as client:
        for _ in range(62):  # on a connection each, so that any process may answer
            client.get("/chatbots", headers={"Connection": "close"})
    with service.client() as client:
        client.get("/chatbots", headers={"Authorization": f"Bearer {tokens.generate().plaintext}"})
        client.request("X-OWN", f"/{key}")
    other = create_api_key(owner, "y").token.plaintext
    with service.client(other) as client:
        client.post(f"/chatbots/{chatbot.id}/chat", json=question)
        assert client.post(f"/chatbots/{remote.id}/chat", json=question).status_code == 502
    listing = {"route": "api:list_chatbots", "method": "GET"}

    def has_all(found: Samples) -> bool:
        # Each process publishes what it did in its own time, all of it at once.
        return [
            total(found, "insitechat_requests_total", **labels)
            for labels in (
                listing,
                {"route": "unrouted", "status": "429"},
                {"route": "unrouted", "status": "401", "method": "GET"},
                {"method": "other"},
                {"route": "api:chat"},
            )
        ] == [60, 2, 1, 1, 2]

    wait_for(lambda: has_all(scrape(port)))
    found = scrape(port)
    assert total(found, "insitechat_requests_total", **listing, status="200") == 60
    assert total(found, "insitechat_requests_total", route="unrouted", status="429") == 2
    assert total(found, "insitechat_requests_total", route="unrouted", method="other") == 1
    assert total(found, "insitechat_request_seconds_count", route="api:list_chatbots") == 60
    assert total(found, "insitechat_gate_seconds_count", part="look_up") == 64
    assert total(found, "insitechat_gate_seconds_count", part="limiter") == 64
    assert total(found, "insitechat_gate_seconds_count", part="view") == 62
    decisions = "insitechat_limiter_decisions_total"
    assert total(found, decisions, decision="allowed", made_by="redis") == 62
    assert total(found, decisions, decision="refused") == 2
    chats = "insitechat_chats_total"
    assert total(found, chats, provider="builtin", outcome="answered") == 1
    assert total(found, chats, provider="ollama", outcome="ProviderError") == 1
    assert total(found, "insitechat_provider_seconds_count", provider="ollama") == 1
    assert total(found, "insitechat_quota_given_back_total") == 1
    assert total(found, "insitechat_process_starts_total") == 3
    assert total(found, "insitechat_process_memory_bytes") > 50_000_000
    assert total(found, "insitechat_limiter_alone") == 0
    assert found["insitechat_database_errors_total", frozenset({("sqlstate", "53100")})] == 0
    assert total(found, "insitechat_database_up") == 1
    assert total(found, "insitechat_database_checkout_seconds_count") >= 64
    texts = " ".join(value for _, labels in found for _, value in labels)
    for secret in (key[3:8], str(owner.id), str(chatbot.id), "example.org"):
        assert secret not in texts


def test_counts_outlive_a_process_that_is_killed(measured: tuple[Service, int]) -> None:
    service, port = measured
    for _ in range(20):
        httpx2.get(f"{service.url}/healthz", trust_env=False)
    seen = "insitechat_requests_total"
    before = total(scrape(port), seen, route="unrouted", status="200")
    workers = psutil.Process(service.process.pid).children()
    os.kill(workers[0].pid, signal.SIGKILL)
    wait_for(lambda: total(scrape(port), "insitechat_process_starts_total") == 4)
    found = scrape(port)
    assert total(found, seen, route="unrouted", status="200") >= before
    processes = {dict(labels)["process"] for name, labels in found if name.endswith("_threads")}
    assert processes == {"0", "1", "2"}


def test_a_worker_has_a_port_of_its_own(transactional_db: None, tmp_path: Path) -> None:
    port = free_port()
    enqueued = delete_account.enqueue(str(UUID(int=0)))  # no job of the clock
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=PROJECT,
            env=os.environ | {"DATABASE_URL": database_url(), "METRICS_PORT": str(port)},
            stdout=log,
            stderr=log,
        )
    done = {"task": delete_account.name, "outcome": "succeeded"}
    try:
        wait_for(lambda: not ProcrastinateJob.objects.filter(pk=enqueued, status="todo").exists())
        wait_for(lambda: total(scrape(port), "insitechat_job_attempts_total", **done) == 1)
        found = scrape(port)
    finally:
        worker.terminate()
        worker.wait(60)
    assert total(found, "insitechat_job_attempts_total", outcome="failed") == 0
    assert total(found, "insitechat_job_seconds_count", task=delete_account.name) == 1
    assert total(found, "insitechat_workers") == 1
    assert not any(name == "insitechat_database_pool" for name, _ in found)


def test_a_port_in_use_is_said_at_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "gunicorn"],
            cwd=PROJECT,
            env=os.environ | {"BIND": "127.0.0.1:0", "METRICS_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert f"METRICS_PORT {port} on 127.0.0.1: Address already in use" in done.stderr
