"""What the README and the guide tell people to run."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from apikeys import tokens
from apikeys.services import create_api_key
from chatbots.services import add_text_source, create_chatbot
from insitechat.paths import PROJECT
from tests.conftest import Service

README = (PROJECT / "README.md").read_text()
GUIDE = (PROJECT / "docs" / "api-keys.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_first_requests_work(service: Service) -> None:
    owner = User.objects.create_user("a@example.org")
    add_text_source(create_chatbot(owner, "Guide"), "Guide", GUIDE)
    section = README.split("## The first request")[1].split("\n## ")[0]
    script = "\necho; echo ---\n".join(blocks(section, "sh"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=os.environ
        | {
            "BASE": service.url,
            "KEY": create_api_key(owner, "README").token.plaintext,
            "no_proxy": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    listed, answered, sources = done.stdout.split("\n---\n")
    assert '"name":"Guide"' in listed
    assert "60 requests in any rolling 60-second window" in answered
    assert '"type":"text"' in sources


@pytest.mark.parametrize("name", re.findall(r"^make (\w+)", README, re.MULTILINE))
def test_make_knows_the_words_of_the_readme(name: str) -> None:
    assert re.search(rf"^{name}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)


def test_the_readme_names_every_command_that_there_is() -> None:
    commands = {path.stem for path in PROJECT.glob("*/management/commands/[a-z]*.py")}
    assert commands <= set(re.findall(r"manage\.py (\w+)", README))


def test_the_readme_names_every_variable_that_is_read() -> None:
    files = [PROJECT / "insitechat" / "settings.py", PROJECT / "gunicorn.conf.py"]
    code = "\n".join(file.read_text() for file in files)
    read = set(re.findall(r'(?:env\.\w+|required|environ\.get)\(\s*"([A-Z_]+)"', code))
    assert len(read) > 15
    named = set(re.findall(r"`([A-Z_]+)`", README))
    assert read <= named


def test_the_guides_way_to_verify_a_key_works() -> None:
    (code,) = blocks(GUIDE, "python")
    scope: dict[str, Any] = {}
    exec(code, scope)
    key = tokens.generate().plaintext
    assert scope["is_key"](key)
    assert not scope["is_key"](key[:-1] + ("A" if key[-1] != "A" else "B"))
    assert not scope["is_key"]("ic_" + "A" * 44)


def test_every_link_leads_somewhere() -> None:
    for file in (PROJECT / "README.md", PROJECT / "docs" / "api-keys.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text()):
            assert (Path(file.parent) / target).exists(), target
