"""Revoke an API key."""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apikeys.models import ApiKey, ApiKeyQuerySet


class Command(BaseCommand):
    help = "Revoke the API key with this id or 8-character prefix, for good."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", metavar="KEY_ID_OR_PREFIX")

    def handle(self, *args: Any, key: str, **options: Any) -> None:
        found = find(key)
        candidates = list(found.select_related("owner"))
        if not candidates:
            raise CommandError(f"There is no API key with the id or prefix {shown(key)}.")
        if len(candidates) > 1:
            raise CommandError(
                "Several API keys have this prefix; name one by its id:\n"
                + "\n".join(
                    f"  {one.id}  {one.owner}  {one.name_for_terminals}" for one in candidates
                )
            )
        revoked = found.revoke()
        self.stdout.write(
            f"API key {candidates[0].prefix} of {candidates[0].owner} "
            + ("is revoked." if revoked else "was revoked already.")
        )


def find(key: str) -> ApiKeyQuerySet:
    try:
        return ApiKey.objects.filter(id=uuid.UUID(key))
    except ValueError:
        return ApiKey.objects.filter(prefix=key)


def shown(key: str) -> str:
    """Cut what may be a full key, pasted by mistake, to its prefix."""
    return key[:8]
