"""Create an account."""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.models import Plan, User


class Command(BaseCommand):
    help = "Create an account that signs in with EMAIL and a password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password from standard input instead of asking for it twice",
        )

    def handle(self, *args: Any, email: str, password_stdin: bool, **options: Any) -> None:
        user = User(email=email.strip().lower(), plan=Plan.objects.default())
        try:
            user.full_clean(exclude=["password"])
            password = read_line() if password_stdin else ask_twice()
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        user.set_password(password)
        user.save()
        user.confirm_email()
        self.stdout.write(f"Account {user.email} created.")


def read_line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def ask_twice() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password (again): ") != password:
        raise ValidationError("The two passwords differ.")
    return password
