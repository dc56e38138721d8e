"""What is made of the environment, and what is refused."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from insitechat.environment import addresses
from insitechat.environment.reading import WrongEnvironment, read_from
from insitechat.environment.variables import Environment
from insitechat.operations.paths import PROJECT
from tests.checkout import Checkout

NEEDED = {
    "SECRET_KEY": "k",
    "DATABASE_URL": "postgresql://u:pw@h/n",
    "REDIS_URL": "redis://:pw@h",
}
WRONG = [
    ("PUBLIC_URL", "chat.example.org"),
    ("PUBLIC_URL", "https://chat.example.org/app"),
    ("PUBLIC_URL", "https://chat.example.org:70000"),
    ("FORWARDED_ALLOW_IPS", "proxy"),
    ("TRUSTED_PROXY_COUNT", "-1"),
    ("SIGN_UP", "no"),
    ("WEB_THREADS", "0"),
    ("WEB_CONCURRENCY", "many"),
    ("DATABASE_REQUEST_SECONDS", "0"),
    ("RATE_LIMIT_WAIT_SECONDS", "nan"),
    ("PORT", "65536"),
    ("LOG_LEVEL", "loud"),
    ("ACCESS_LOG", "perhaps"),
    ("OPENAI_BASE_URL", "api.openai.com"),
]
WRONG_SECRETS = [
    ("DATABASE_URL", "mysql://u:hunter2@h/n"),
    ("DATABASE_URL", "postgresql://u:hunter2@h"),
    ("DATABASE_URL", "postgresql://u:hunter2@h/n?colour=red"),
    ("REDIS_URL", "h:hunter2"),
    ("EMAIL_URL", "imap://u:hunter2@h"),
]


def refusal(**variables: str) -> str:
    with pytest.raises(WrongEnvironment) as refused:
        read_from(NEEDED | variables)
    return str(refused.value)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_refused_by_name_with_what_was_expected(name: str, value: str) -> None:
    assert f"{name} is {value!r}; it has to be " in refusal(**{name: value})


@pytest.mark.parametrize(("name", "value"), WRONG_SECRETS)
def test_a_wrong_secret_is_not_quoted(name: str, value: str) -> None:
    message = refusal(**{name: value})
    assert f"{name} is a secret that cannot be used; it has to be a URL like " in message
    assert "hunter2" not in message


def test_everything_that_is_wrong_is_told_at_once() -> None:
    message = refusal(SECRET_KEY="", WEB_THREADS="x", SIGN_UP="x", REDIS_URL_FILE="x")
    assert [line.split()[0] for line in message.splitlines()[1:-1]] == [
        "SECRET_KEY",
        "SIGN_UP",
        "WEB_THREADS",
    ]


def test_any_variable_can_come_from_a_file(tmp_path: Path) -> None:
    for name, text in {"WEB_THREADS": "12\n", "SECRET_KEY": "$other"}.items():
        (tmp_path / name).write_text(text)
    files = {f"{name}_FILE": str(tmp_path / name) for name in ("WEB_THREADS", "SECRET_KEY")}
    environment = read_from(NEEDED | {"SECRET_KEY": ""} | files)
    assert (environment.WEB_THREADS, environment.SECRET_KEY) == (12, "$other")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    message = refusal(SECRET_KEY="", SECRET_KEY_FILE=str(tmp_path / "missing"))
    assert f"SECRET_KEY_FILE is '{tmp_path}/missing', which cannot be read: No such" in message


def test_a_database_is_read_as_its_own_client_reads_it() -> None:
    read = addresses.database("postgresql://us%40er@/n?host=/run/pg&port=5433&sslmode=require")
    assert read["USER"] == "us@er"
    assert (read["HOST"], read["PORT"]) == ("/run/pg", "5433")
    assert read["OPTIONS"] == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("url", "port", "switch"),
    [
        ("smtp://h", 25, None),
        ("smtp+tls://u%40x:p%2Fw@h", 587, "EMAIL_USE_TLS"),
        ("smtp+ssl://h:4465", 4465, "EMAIL_USE_SSL"),
    ],
)
def test_a_mail_server_is_read_from_its_url(url: str, port: int, switch: str | None) -> None:
    read = addresses.mail(url)
    assert read["EMAIL_PORT"] == port
    assert {name for name, value in read.items() if value is True} == (
        {switch} if switch else set()
    )
    if "@" in url:
        assert (read["EMAIL_HOST_USER"], read["EMAIL_HOST_PASSWORD"]) == ("u@x", "p/w")


@pytest.mark.parametrize("program", [["manage.py", "check"], ["-m", "gunicorn"]])
def test_nothing_starts_in_a_wrong_environment(tmp_path: Path, program: list[str]) -> None:
    checkout = Checkout(tmp_path / "project")
    started = subprocess.run(
        [sys.executable, *program],
        cwd=checkout.folder,
        env=checkout.environment(WEB_THREADS="x", **NEEDED | {"SECRET_KEY": ""}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 1
    assert "WEB_THREADS is 'x'; it has to be a whole number" in started.stderr
    assert "SECRET_KEY is not set" in started.stderr
    assert "Traceback" not in started.stderr


def test_docker_compose_sets_or_passes_on_every_variable() -> None:
    others = {"DEBUG", "STATIC_ROOT", "BIND", "PORT"}  # for development, or set by the image
    compose = (PROJECT / "docker-compose.yml").read_text()
    named = set(re.findall(r"^\s+([A-Z][A-Z0-9_]+):", compose, re.MULTILINE))
    assert {
        name
        for name in set(Environment.model_fields) - others
        if not {name, f"{name}_FILE"} & named
    } == set()
