"""Create the demo account."""

import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from insitechat.operations.demo import EMAIL, create_demo, curl


class Command(BaseCommand):
    help = "Create an account with a trained chatbot and an API key, and print a call to it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--lively", action="store_true", help="add thirty days of conversations and calls"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = secrets.token_urlsafe(12)
        demo = create_demo(password, is_lively=options["lively"])
        if demo is None:
            raise CommandError("The demo needs an empty database; this one has accounts already.")
        self.stdout.write(f"Dashboard  {settings.PUBLIC_URL}/  {EMAIL}  {password}\n\n")
        self.stdout.write(curl(settings.PUBLIC_URL, demo.chatbot_id, demo.token.plaintext))
