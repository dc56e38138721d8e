"""Create an API key."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from apikeys.models import NAME_MAX_LENGTH
from apikeys.services import KeyCapReached, create_api_key


class Command(BaseCommand):
    help = "Create an API key for the account EMAIL. Prints the full key and nothing else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("name", metavar="NAME")

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        name = name.strip()
        if not 1 <= len(name) <= NAME_MAX_LENGTH:
            raise CommandError(f"NAME has to be 1 to {NAME_MAX_LENGTH} characters long.")
        try:
            created = create_api_key(User.objects.get_by_natural_key(email), name)
        except User.DoesNotExist as error:
            raise CommandError(f"There is no account {email}.") from error
        except KeyCapReached as error:
            raise CommandError(str(error)) from error
        sys.stdout.write(f"{created.token.plaintext}\n")
