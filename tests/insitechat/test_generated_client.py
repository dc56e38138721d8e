"""A client that a generator makes from the OpenAPI document calls the service."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import pytest

from accounts.models import User
from apikeys.services import create_api_key
from chatbots.knowledge.teaching import add_text_source
from chatbots.services import create_chatbot
from tests.conftest import SHOP, Service

PACKAGE = "generated_insitechat_client"
Import = Callable[[str], Any]


@pytest.fixture
def document(service: Service) -> httpx2.Response:
    with service.client() as client:
        return client.get("/openapi.json")


@pytest.fixture
def generated(
    document: httpx2.Response, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Import]:
    """Generate the package; yield what imports a module of it by its name."""
    (tmp_path / "openapi.json").write_bytes(document.content)
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"),
            *("--path", "openapi.json", "--config", "config.yml"),
            *("--meta", "none", "--output-path", PACKAGE),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda name: import_module(f"{PACKAGE}.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_its_functions_have_the_operations_names_and_work(
    generated: Import, document: httpx2.Response
) -> None:
    owner = User.objects.create_user("a@example.org")
    chatbot = create_chatbot(owner, "Shop")
    add_text_source(chatbot, "Rules", SHOP)
    (server,) = document.json()["servers"]
    chatbots = "api.chatbots"
    with generated("client").AuthenticatedClient(
        base_url=server["url"],
        token=create_api_key(owner, "Generated").token.plaintext,
        httpx_args={"trust_env": False},
        timeout=60,
    ) as client:
        (listed,) = generated(f"{chatbots}.list_chatbots").sync(client=client)
        assert (listed.id, listed.name, listed.provider.value) == (chatbot.id, "Shop", "builtin")
        got = generated(f"{chatbots}.get_chatbot").sync(chatbot.id, client=client)
        assert got.fallback_message == chatbot.fallback_message
        (source,) = generated(f"{chatbots}.list_sources").sync(chatbot.id, client=client)
        assert (source.title, source.status.value) == ("Rules", "done")
        answered = generated(f"{chatbots}.chat").sync(
            chatbot.id, client=client, body=generated("models").ChatIn("Do you ship to Norway?")
        )
        assert "Norway" in answered.response


def test_an_error_is_one_of_its_models(generated: Import, document: httpx2.Response) -> None:
    (server,) = document.json()["servers"]
    with generated("client").AuthenticatedClient(
        base_url=server["url"], token="ic_nonsense", httpx_args={"trust_env": False}, timeout=60
    ) as client:
        refused = generated("api.chatbots.list_chatbots").sync_detailed(client=client)
    assert refused.status_code == 401
    assert refused.parsed == generated("models").Error("Unauthorized")
