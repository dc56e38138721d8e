"""The settings, and the disk of this machine."""

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError

from chatbots.models import Chatbot
from insitechat.operations.doctor.finding import Finding
from insitechat.operations.paths import PROJECT

KEY_LENGTH = 50
KEY_CHARACTERS = 5
DISK_LEFT = 0.1
PROVIDERS = {
    Chatbot.Provider.CHATGPT: "OPENAI_API_KEY",
    Chatbot.Provider.GEMINI: "GEMINI_API_KEY",
}


def examine() -> Iterator[Finding]:
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        yield from examine_key(key)
    if settings.DEBUG:
        yield Finding("DEBUG is on: errors show the code to everybody.", "Take DEBUG away.")
    yield from examine_address(settings.PUBLIC_URL)
    yield from examine_providers()
    usage = shutil.disk_usage(PROJECT)
    yield from examine_disk(usage.free, usage.total)


def examine_key(key: str) -> Iterator[Finding]:
    if len(key) < KEY_LENGTH or len(set(key)) < KEY_CHARACTERS:
        yield Finding(
            "SECRET_KEY, or a former one, can be guessed: it is short or repeats itself.",
            "Make one with `openssl rand -base64 48`, and rotate it as docs/operations.md says.",
        )


def examine_address(public_url: str) -> Iterator[Finding]:
    url = urlsplit(public_url)
    if url.scheme == "http" and url.hostname not in {"localhost", "127.0.0.1"}:
        yield Finding(
            f"PUBLIC_URL is {public_url}: passwords and API keys can be read on their way.",
            "Put the service behind TLS and set PUBLIC_URL to its https:// address.",
        )


def examine_providers() -> Iterator[Finding]:
    try:
        used = set(Chatbot.objects.values_list("provider", flat=True).distinct())
    except DatabaseError:
        return  # told of elsewhere
    for provider, variable in PROVIDERS.items():
        if provider in used and not getattr(settings, variable):
            yield Finding(
                f"Chatbots use the provider {provider}, but {variable} is not set: "
                "their chats answer 502.",
                f"Set {variable}.",
            )


def examine_disk(free: int, total: int) -> Iterator[Finding]:
    if free < DISK_LEFT * total:
        yield Finding(
            f"{free / 2**30:.1f} GiB of {total / 2**30:.0f} GiB are free on this machine's disk.",
            "Make room, or move data to a larger disk.",
            is_warning=True,
        )
