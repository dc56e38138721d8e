"""What the settings make of the environment."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.checkout import Checkout

PRINT = """
import json
from django.conf import settings
names = %r
print(json.dumps({name: getattr(settings, name) for name in names}))
"""
SECURE = [
    *("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT"),
    *("SECURE_HSTS_SECONDS", "ALLOWED_HOSTS", "DEBUG", "CSRF_TRUSTED_ORIGINS", "PUBLIC_URL"),
]
NEEDED = {"SECRET_KEY": "x", "DATABASE_URL": "postgresql://u@h/n", "REDIS_URL": "redis://h"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return a copy in which nothing runs: a running `make run` lends its environment."""
    return Checkout(tmp_path_factory.mktemp("settings") / "project")


def run(checkout: Checkout, code: str, environment: dict[str, str]) -> CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout.folder,
        env=checkout.environment(DJANGO_SETTINGS_MODULE="insitechat.settings", **environment),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def settings_of(checkout: Checkout) -> Callable[..., dict[str, Any]]:
    def read(**environment: str) -> dict[str, Any]:
        done = run(checkout, PRINT % [*SECURE, "DATABASES"], NEEDED | environment)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return read


@pytest.mark.parametrize("missing", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
def test_what_has_no_safe_default_is_asked_for(checkout: Checkout, missing: str) -> None:
    read = "from django.conf import settings; settings.DEBUG"
    done = run(checkout, read, NEEDED | {missing: ""})
    assert done.returncode != 0
    assert f"{missing} is not set" in done.stderr
    assert "make run" in done.stderr


def test_without_configuration_everything_is_safe(
    settings_of: Callable[..., dict[str, Any]],
) -> None:
    found = settings_of()
    assert found["DEBUG"] is False
    assert found["SESSION_COOKIE_SECURE"] is True
    assert found["CSRF_COOKIE_SECURE"] is True
    assert found["SECURE_SSL_REDIRECT"] is True
    assert found["SECURE_HSTS_SECONDS"] > 0


def test_plain_http_is_chosen_by_the_public_url(settings_of: Callable[..., dict[str, Any]]) -> None:
    found = settings_of(PUBLIC_URL="http://127.0.0.1:8000")
    assert found["SESSION_COOKIE_SECURE"] is False
    assert found["SECURE_SSL_REDIRECT"] is False
    assert found["SECURE_HSTS_SECONDS"] == 0
    assert found["CSRF_TRUSTED_ORIGINS"] == ["http://127.0.0.1:8000"]


def test_the_public_host_is_allowed(settings_of: Callable[..., dict[str, Any]]) -> None:
    found = settings_of(PUBLIC_URL="https://chat.example.org", ALLOWED_HOSTS="a.example,b.example")
    assert {"chat.example.org", "localhost", "a.example", "b.example"} <= set(
        found["ALLOWED_HOSTS"]
    )


def test_the_public_url_ends_without_a_slash(settings_of: Callable[..., dict[str, Any]]) -> None:
    found = settings_of(PUBLIC_URL="https://chat.example.org/")
    assert found["PUBLIC_URL"] == "https://chat.example.org"
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://chat.example.org"]


def test_a_database_url_keeps_its_options(
    settings_of: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret")
    found = settings_of(
        DATABASE_URL="postgresql://u@db:5433/n?sslmode=require",
        DATABASE_PASSWORD_FILE=str(password),
    )["DATABASES"]["default"]
    assert found["OPTIONS"]["sslmode"] == "require"
    assert found["OPTIONS"]["connect_timeout"] == 3
    assert (found["HOST"], found["PORT"], found["PASSWORD"]) == ("db", "5433", "s3cret")


PRINT_DATABASE = """
import json
%s
from django.conf import settings
options = settings.DATABASES["default"]["OPTIONS"]
pool = options.get("pool", {})
print(json.dumps([options["options"], pool.get("max_size"), pool.get("timeout")]))
"""


def test_the_process_that_gunicorn_serves_has_a_pool_and_short_deadlines(
    checkout: Checkout,
) -> None:
    environment = {"DATABASE_REQUEST_SECONDS": "1", "DATABASE_CONNECTIONS": "7"}
    done = run(checkout, PRINT_DATABASE % "import insitechat.wsgi", NEEDED | environment)
    options, max_size, timeout = json.loads(done.stdout)
    assert "-c statement_timeout=800 -c lock_timeout=600" in options
    assert (max_size, timeout) == (7, 0.4)


def test_any_other_process_has_neither(checkout: Checkout) -> None:
    environment = {"DATABASE_STATEMENT_SECONDS": "20", "PGOPTIONS": "-c jit=off"}
    done = run(checkout, PRINT_DATABASE % "", NEEDED | environment)
    options, max_size, _ = json.loads(done.stdout)
    assert options.startswith("-c statement_timeout=20000 -c lock_timeout=2000 ")
    assert options.endswith(" -c jit=off")
    assert max_size is None
