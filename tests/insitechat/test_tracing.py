"""Traces, as a collector receives them from the real service and a real worker."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from accounts.jobs import delete_account
from accounts.models import User
from apikeys.services import create_api_key
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot
from chatbots.services import create_chatbot
from insitechat.operations.paths import PROJECT
from tests.conftest import SHOP, start_service, stop_service, wait_for
from tests.workers import QUICK, Workers

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Collector(ThreadingHTTPServer):
    """Keeps the spans that are sent to it by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[Any] = []
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server_port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "NO_PROXY": "127.0.0.1",
        }

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        request = ExportTraceServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.shutdown()
    collector.server_close()


def attributes(span: Any) -> dict[str, Any]:
    return {
        field.key: getattr(field.value, field.value.WhichOneof("value"))
        for field in span.attributes
    }


def test_a_chat_is_traced_without_what_it_says(
    transactional_db: None, tmp_path: Path, collector: Collector
) -> None:
    owner = User.objects.create_user("a@example.org")
    key = create_api_key(owner, "x").token.plaintext
    chatbot = create_chatbot(owner, "Remote", provider=Chatbot.Provider.OLLAMA)
    add_text_source(chatbot, "Rules", SHOP)
    service = start_service(
        tmp_path,
        **collector.environment,
        OLLAMA_BASE_URL="http://127.0.0.1:1",
        TRUSTED_PROXY_COUNT="1",
        ACCESS_LOG="true",
        LOG_FORMAT="json",
    )
    with service.client(key) as client:
        response = client.post(
            f"/chatbots/{chatbot.id}/chat",
            json={"message": "How long may items be returned?"},
            headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
        )
    wait_for(lambda: bool(collector.named("POST api:chat")))
    stop_service(service)
    [request] = collector.named("POST api:chat")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "api:chat",
        "http.response.status_code": 502,
        "insitechat.request_id": response.headers["X-Request-ID"],
        "error.type": "502",
    }
    for part in ("look_up", "limiter", "view"):
        [span] = [span for span in collector.named(part) if span.trace_id == request.trace_id]
        assert span.parent_span_id == request.span_id
        assert request.start_time_unix_nano - 1_000_000 <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= request.end_time_unix_nano + 1_000_000
    [provider] = collector.named("provider")
    assert provider.trace_id == request.trace_id
    assert attributes(provider) == {"provider": "ollama", "error.type": "ProviderError"}
    assert TRACE in service.log.read_text()
    everything = str(collector.spans)
    for secret in (key[3:], "returned", "Shop", str(chatbot.id), str(owner.id), "127.0.0.1"):
        assert secret not in everything


def test_a_job_is_traced(collector: Collector, workers: Workers) -> None:
    workers.start(4, QUICK, **collector.environment)
    delete_account.enqueue(str(UUID(int=0)))
    name = f"job {delete_account.name}"
    wait_for(lambda: bool(collector.named(name)), what=workers.said)


def test_nothing_is_imported_unless_it_is_asked_for() -> None:
    # The Redis client imports the metrics of OpenTelemetry by itself, where that is installed.
    code = (
        "import sys, insitechat.wsgi, insitechat.urls, core.worker, core.tracing;"
        "core.tracing.start();"
        "print({'opentelemetry.exporter', 'opentelemetry.sdk.trace', 'google.protobuf',"
        " 'prometheus_client', 'requests'} & sys.modules.keys())"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
