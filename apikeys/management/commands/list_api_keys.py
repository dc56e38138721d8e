"""List an account's API keys."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from apikeys.models import ApiKey

ROW = "{:36}  {:8}  {:7}  {:20}  {:20}  {}"


class Command(BaseCommand):
    help = "List the API keys of the account EMAIL, newest first; times are UTC."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        try:
            owner = User.objects.get_by_natural_key(email)
        except User.DoesNotExist as error:
            raise CommandError(f"There is no account {email}.") from error
        self.stdout.write(ROW.format("ID", "PREFIX", "STATE", "CREATED", "LAST USED", "NAME"))
        for api_key in ApiKey.objects.owned_by(owner.id):
            self.stdout.write(
                ROW.format(
                    str(api_key.id),
                    api_key.prefix,
                    api_key.state.lower(),
                    moment(api_key.created_at),
                    moment(api_key.last_used_at),
                    api_key.name_for_terminals,
                )
            )


def moment(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M:%SZ}" if value else "never"
