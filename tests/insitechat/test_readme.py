"""What the README and the guide tell people to run."""

import os
import re
import subprocess
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from apikeys import tokens
from apikeys.jobs import HOURLY_CALLS_KEPT
from apikeys.services import create_api_key
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import DELETED_KEPT
from chatbots.services import create_chatbot
from core.mail import UNSENT_MAIL_KEPT
from core.retention import FAILED_JOBS_KEPT, SUCCEEDED_JOBS_KEPT
from insitechat.environment.variables import rows
from insitechat.errors import MEANINGS
from insitechat.operations.paths import PROJECT
from tests.checkout import CODE
from tests.conftest import Service

README = (PROJECT / "README.md").read_text()
GUIDE = (PROJECT / "docs" / "api-keys.md").read_text()
OPERATIONS = (PROJECT / "docs" / "operations.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def run(script: str, **variables: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=os.environ | variables | {"no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_first_requests_work(service: Service) -> None:
    owner = User.objects.create_user("a@example.org")
    add_text_source(create_chatbot(owner, "Guide"), "Guide", GUIDE)
    section = README.split("## The first request")[1].split("\n## ")[0]
    script = "\necho; echo ---\n".join(blocks(section, "sh"))
    done = run(script, BASE=service.url, KEY=create_api_key(owner, "README").token.plaintext)
    listed, answered, sources = done.split("\n---\n")
    assert '"name":"Guide"' in listed
    assert "60 requests in any rolling 60-second window" in answered
    assert '"type":"text"' in sources


def test_the_guides_stream_works(service: Service) -> None:
    owner = User.objects.create_user("a@example.org")
    chatbot = create_chatbot(owner, "Guide")
    add_text_source(chatbot, "Guide", GUIDE)
    (script,) = blocks(GUIDE, "sh")
    done = run(
        script,
        BASE=f"{service.url}/api/v1",
        CHATBOT=str(chatbot.id),
        KEY=create_api_key(owner, "Guide").token.plaintext,
    )
    assert done.startswith("event: delta\ndata: {")
    assert "60 requests in any rolling 60-second window" in done
    assert '"usage":{"used":1,' in done.split("event: done\n")[1]


@pytest.mark.parametrize("name", re.findall(r"^make (\w+)", README, re.MULTILINE))
def test_make_knows_the_words_of_the_readme(name: str) -> None:
    assert re.search(rf"^{name}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)


def test_the_readme_names_every_command_that_there_is() -> None:
    commands = {
        path.stem
        for package in CODE
        for path in (PROJECT / package).rglob("management/commands/[a-z]*.py")
    }
    assert "prove_limits" in commands
    assert commands <= set(re.findall(r"manage\.py (\w+)", README))


def test_the_readme_shows_every_variable_as_it_is_declared() -> None:
    _, _, table = README.split("### Configuration")[1].partition("|---|---|---|\n")
    assert table.split("\n\n")[0].splitlines() == rows()


@pytest.mark.parametrize(
    ("kept", "row"),
    [
        (HOURLY_CALLS_KEPT, "calls of a key by hour and status | {}"),
        (
            DELETED_KEPT,
            "deleted chatbots and sources, with their files, pages and conversations | {}",
        ),
        (UNSENT_MAIL_KEPT, "mails that could not be sent | {}"),
        (SUCCEEDED_JOBS_KEPT, "jobs that succeeded, and those that failed or were cancelled | {}"),
        (
            FAILED_JOBS_KEPT,
            "jobs that succeeded, and those that failed or were cancelled | 1 day, {}",
        ),
    ],
)
def test_the_operators_are_told_how_long_data_is_kept(kept: timedelta, row: str) -> None:
    days = f"{kept.days} day" if kept.days == 1 else f"{kept.days} days"
    assert row.format(days) in OPERATIONS


def test_the_guide_lists_every_answer_that_is_an_error(db: None) -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.*?) \|", GUIDE, re.MULTILINE)
    document = Client().get("/api/v1/openapi.json").json()
    answers = {
        status
        for operations in document["paths"].values()
        for operation in operations.values()
        for status in operation["responses"]
    }
    assert {status for status, _ in rows} == {
        *(status for status in answers if int(status) >= 400),
        "405",  # which belongs to no operation
    }
    constant = {
        (str(int(meaning.status)), f"`{meaning.detail}`")
        for meaning in MEANINGS.values()
        if isinstance(meaning.detail, str) and meaning.status != HTTPStatus.BAD_REQUEST
    }
    assert constant <= set(rows)


def test_the_guides_way_to_verify_a_key_works() -> None:
    (code,) = blocks(GUIDE, "python")
    scope: dict[str, Any] = {}
    exec(code, scope)
    key = tokens.generate().plaintext
    assert scope["is_key"](key)
    assert not scope["is_key"](key[:-1] + ("A" if key[-1] != "A" else "B"))
    assert not scope["is_key"]("ic_" + "A" * 44)


def test_every_link_leads_somewhere() -> None:
    for file in (PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text()):
            assert (Path(file.parent) / target).exists(), target
