"""Create a chatbot and train it on text files."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User
from chatbots.caps import CapReached
from chatbots.knowledge.learning import NothingToLearn
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import NAME_MAX_LENGTH, Chatbot
from chatbots.services import create_chatbot


class Command(BaseCommand):
    help = "Create a chatbot for the account EMAIL, train it on text files, and print its id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--text", metavar="FILE", nargs="+", type=Path, required=True)
        parser.add_argument(
            "--provider", choices=Chatbot.Provider.values, default=Chatbot.Provider.BUILTIN
        )

    @transaction.atomic
    def handle(
        self, *args: Any, email: str, name: str, text: list[Path], provider: str, **options: Any
    ) -> None:
        name = name.strip()
        if not 1 <= len(name) <= NAME_MAX_LENGTH:
            raise CommandError(f"NAME has to be 1 to {NAME_MAX_LENGTH} characters long.")
        try:
            owner = User.objects.get_by_natural_key(email)
        except User.DoesNotExist as error:
            raise CommandError(f"There is no account {email}.") from error
        try:
            chatbot = create_chatbot(owner, name, provider=provider)
        except CapReached as error:
            raise CommandError(f"{error}.") from error
        for file in text:
            try:
                add_text_source(chatbot, file.name[:200], read_text(file))
            except (NothingToLearn, CapReached) as error:
                raise CommandError(f"{error}.") from error
        self.stdout.write(str(chatbot.id))


def read_text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file}: not UTF-8 at byte {error.start}.") from error
    if "\0" in text:
        raise CommandError(f"{file}: has NUL characters, so it is no text.")
    return text
