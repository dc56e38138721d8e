"""Revoke an API key."""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apikeys.models import ApiKey, ApiKeyQuerySet


class Command(BaseCommand):
    help = "Revoke the API key with this id or 8-character prefix. This cannot be undone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", metavar="KEY_ID_OR_PREFIX")

    def handle(self, *args: Any, key: str, **options: Any) -> None:
        matching = find(key)
        api_keys = list(matching.select_related("owner"))
        if not api_keys:
            raise CommandError(f"There is no API key with the id or prefix {shown(key)}.")
        if len(api_keys) > 1:
            lines = [f"  {each.id}  {each.owner}  {each.name_for_terminals}" for each in api_keys]
            raise CommandError(
                "Several API keys have this prefix; name one by its id:\n" + "\n".join(lines)
            )
        revoked = matching.revoke()
        self.stdout.write(
            f"API key {api_keys[0].prefix} of {api_keys[0].owner} "
            + ("is revoked." if revoked else "was revoked already.")
        )


def find(key: str) -> ApiKeyQuerySet:
    try:
        return ApiKey.objects.filter(id=uuid.UUID(key))
    except ValueError:
        return ApiKey.objects.filter(prefix=key)


def shown(key: str) -> str:
    """Return the start of the argument, which may be a full key that was pasted by mistake."""
    return key[:8]
