"""People, keys and clients that tests meet; and the real server for those that need it."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx2
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from accounts.models import User
from apikeys.services import CreatedKey, create_api_key
from apikeys.usage import recorder
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot
from chatbots.services import create_chatbot
from insitechat.operations.paths import PROJECT
from tests.clock import Clock
from tests.pool import Pool

if TYPE_CHECKING:
    from tests.workers import Workers

PASSWORD = "correct horse battery"

SHOP = """\
# Returns

You can return any item within 30 days of delivery. Returned items must be unused.
Refunds are paid to the original payment method within five business days.

# Shipping

We ship to Norway, Sweden and Denmark. Orders over 50 euros ship free of charge.
Parcels arrive within three working days.
"""


class ApiClient:
    """An HTTP client of the API that sends one key."""

    def __init__(self, key: str | None) -> None:
        self._client = Client(raise_request_exception=False)
        self._headers = {"Authorization": f"Bearer {key}"} if key is not None else {}

    def get(self, path: str) -> Any:
        return self._client.get(f"/api/v1{path}", headers=self._headers)

    def post(self, path: str, body: Any) -> Any:
        return self._client.post(
            f"/api/v1{path}", body, content_type="application/json", headers=self._headers
        )

    def request(self, method: str, path: str, **options: Any) -> Any:
        headers = self._headers | options.pop("headers", {})
        return self._client.generic(method, f"/api/v1{path}", headers=headers, **options)


@pytest.fixture(autouse=True)
def _record_in_the_foreground() -> Iterator[None]:
    """Keep the recorder's thread away from databases that come and go; tests write themselves."""
    recorder.in_background = False
    yield
    recorder.discard()


@pytest.fixture(autouse=True, scope="session")
def _wait_for_the_cache() -> Iterator[None]:
    """Let the cache wait: a busy machine makes Redis slow, which is no outage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.cache.TIMEOUT_SECONDS", 10.0)
        yield


@pytest.fixture(autouse=True, scope="session")
def _hash_passwords_quickly() -> Iterator[None]:
    """Hash with the same function as ever, but not a million times; services of tests do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.contrib.auth.hashers.PBKDF2PasswordHasher.iterations", 1000)
        yield


@pytest.fixture(autouse=True)
def _forget_who_tried_how_often(worker_id: str) -> None:
    """Begin each test without throttled sign-ins; workers share an engine, not what is in it."""
    cache.key_prefix = f"test-{worker_id}"
    cache.clear()


@pytest.fixture(autouse=True, scope="session")
def _queue_mail(django_test_environment: None) -> None:
    """Have mail go through the queue as ever, and from there to Django's outbox."""
    settings.MAIL_TRANSPORT = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "core.mail.QueuedBackend"


@pytest.fixture(autouse=True)
def _forget_jobs(
    request: pytest.FixtureRequest, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Empty the queue after tests that commit: Django empties the tables of its models alone."""
    yield
    if "transactional_db" in request.fixturenames:
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    return User.objects.create_user


@pytest.fixture
def alice(make_user: Callable[..., User]) -> User:
    return make_user("alice@example.org")


@pytest.fixture
def stranger(make_user: Callable[..., User]) -> User:
    return make_user("stranger@example.org")


@pytest.fixture
def alices_key(alice: User) -> CreatedKey:
    return create_api_key(alice, "Production")


@pytest.fixture
def api(alices_key: CreatedKey) -> ApiClient:
    """Return a client with a good key of alice's."""
    return ApiClient(alices_key.token.plaintext)


@pytest.fixture
def strangers_api(stranger: User) -> ApiClient:
    return ApiClient(create_api_key(stranger, "Other").token.plaintext)


@pytest.fixture
def chatbot(alice: User) -> Chatbot:
    """Return a chatbot of alice's that has learned a shop's rules."""
    chatbot = create_chatbot(alice, "Shop")
    add_text_source(chatbot, "Rules", SHOP)
    return chatbot


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def owner(alice: User) -> User:
    """Return alice, who has a password."""
    alice.set_password(PASSWORD)
    alice.save()
    return alice


@pytest.fixture
def browser(alice: User) -> Client:
    """Return a signed-in browser of alice's that CSRF protection applies to."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    return client


@pytest.fixture
def strangers_browser(stranger: User) -> Client:
    client = Client()
    client.force_login(stranger)
    return client


@pytest.fixture
def make_pool(transactional_db: None) -> Iterator[Callable[..., Pool]]:
    with pytest.MonkeyPatch.context() as patch:
        made: list[Pool] = []

        def make(size: int, *, request_seconds: float = 5.0, **options: Any) -> Pool:
            patch.setattr("django.conf.settings.DATABASE_REQUEST_SECONDS", request_seconds)
            made.append(Pool(size, request_seconds=request_seconds, **options))
            return made[-1]

        yield make
        for pool in made:
            pool.close()


@contextmanager
def statements_sent() -> Iterator[list[str]]:
    """Collect what the database does for this thread, as its protocol tells: SELECT, UPDATE, …"""
    connection.ensure_connection()
    server = connection.connection.pgconn
    done: list[str] = []
    with TemporaryFile() as file:
        trace = os.dup(file.fileno())
        server.trace(trace)
        try:
            yield done
        finally:
            server.untrace()
            os.close(trace)
            file.seek(0)
            done += re.findall(r'(?:Complete\s+"|(?=Error))(\w+)', file.read().decode())
    assert connection.connection.pgconn is server, "what another connection did is not known"


def shown_headers(response: Any) -> dict[str, str]:
    """Return the headers that may tell something; the request's id is random."""
    return {name: value for name, value in response.items() if name != "X-Request-ID"}


def detail(response: Any) -> str:
    """Return an error's detail, having made sure that there is nothing else in it."""
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert list(body) == ["detail"]
    assert isinstance(body["detail"], str)
    return str(body["detail"])


@dataclass(frozen=True)
class Service:
    """The project as gunicorn serves it."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def client(self, key: str | None = None, **options: Any) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        options = {"timeout": 120, **options}  # for a machine that is busy with other tests
        return httpx2.Client(
            base_url=f"{self.url}/api/v1", headers=headers, trust_env=False, **options
        )


def database_url() -> str:
    """Return where this test's data is, for processes of its own."""
    settings = connection.settings_dict
    host = quote(settings["HOST"], safe="/")
    return f"postgresql://{settings['USER']}@/{settings['NAME']}?host={host}"


def start_service(folder: Path, **environment: str) -> Service:
    """Serve the test database with gunicorn on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    log = folder / "gunicorn.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn"],
            cwd=PROJECT,
            env=os.environ
            | {
                "BIND": f"fd://{listener.fileno()}",
                "DATABASE_URL": database_url(),
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
                "WEB_CONCURRENCY": "3",
            }
            | environment,
            pass_fds=[listener.fileno()],
            stdout=output,
            stderr=output,
        )
    listener.close()
    service = Service(f"http://127.0.0.1:{port}", process, log)
    wait_for(lambda: answers(f"{service.url}/readyz"), what=log.read_text)
    return service


def stop_service(service: Service) -> None:
    service.process.terminate()
    assert service.process.wait(120) == 0, service.log.read_text()


def answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


def wait_for(
    condition: Callable[[], bool],
    *,
    within_seconds: float = 120,
    what: Callable[[], str] = lambda: "",
) -> float:
    """Wait until the condition holds; return the seconds that it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < within_seconds, f"waited in vain: {what()}"
        time.sleep(0.02)
    return time.monotonic() - start


@pytest.fixture(scope="session")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    # Its tests count exactly: on a busy machine calls may wait for PostgreSQL, none answers 503.
    service = start_service(tmp_path_factory.mktemp("server"), DATABASE_REQUEST_SECONDS="60")
    yield service
    stop_service(service)


@pytest.fixture
def workers(transactional_db: None, tmp_path: Path) -> Iterator["Workers"]:
    """Return what starts real workers on the data of this test."""
    from tests.workers import Workers

    workers = Workers(tmp_path)
    yield workers
    workers.close()


@pytest.fixture
def service(server: Service, transactional_db: None) -> Service:
    """Return the real server with several processes, on the data of this test."""
    return server
