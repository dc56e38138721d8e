"""Make the demo account."""

import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from insitechat.demo import EMAIL, create_demo, curl


class Command(BaseCommand):
    help = "Make an account with a trained chatbot and an API key, and show how to call it."

    def handle(self, *args: Any, **options: Any) -> None:
        password = secrets.token_urlsafe(12)
        demo = create_demo(password)
        if demo is None:
            raise CommandError("There are accounts already; the demo is for an empty database.")
        self.stdout.write(f"Dashboard  {settings.PUBLIC_URL}/  {EMAIL}  {password}\n\n")
        self.stdout.write(curl(settings.PUBLIC_URL, demo.chatbot_id, demo.token.plaintext))
