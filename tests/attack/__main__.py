"""`make attack`: every attack against a real service on throwaway engines, in a few minutes."""

import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from insitechat.operations.local.engines import throwaway_engines

if TYPE_CHECKING:
    from tests.attack.report import Result


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--cases", type=int, default=104_000, help="of damaged headers and paths")
    parser.add_argument("--only", help="run the attacks whose name contains this")
    arguments = parser.parse_args()
    with throwaway_engines() as engines, tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            engines, PUBLIC_URL="http://testserver", DJANGO_SETTINGS_MODULE="insitechat.settings"
        )
        with service(Path(folder)) as url:
            results = attack(url, arguments.cases, arguments.only or "")
    from tests.attack.report import details, table

    print(f"\n{table(results)}\n")
    if not all(result.is_good for result in results):
        sys.exit(details(results))


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """Serve a new database; yields the URL."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    # These import models, which is possible only once Django is set up.
    from tests.conftest import start_service, stop_service

    served = start_service(
        folder,
        WEB_CONCURRENCY="2",
        TRUSTED_PROXY_COUNT="1",  # each sign-in comes from an address of its own
        EMAIL_URL="smtp://127.0.0.1:9",  # so addresses have to be confirmed; nothing is sent
    )
    try:
        yield served.url
    finally:
        stop_service(served)
        connections.close_all()


def attack(url: str, cases: int, only: str) -> "list[Result]":
    from django.test.utils import setup_test_environment

    from accounts.models import User
    from apikeys.services import create_api_key, revoke_api_key
    from apikeys.tokens import generate
    from tests.attack import fuzz, generated, routes, slow, smuggling, timing
    from tests.attack.people import browser_of, make_stranger, make_victim

    setup_test_environment()
    victim = make_victim()
    caller, key = make_stranger()
    revoked = create_api_key(caller, "Revoked")
    revoke_api_key(caller.id, str(revoked.api_key.id))

    def known(number: int) -> str:
        return User.objects.create_user(f"known{number}-{time.monotonic_ns()}@example.org").email

    session = browser_of(caller).cookies["sessionid"].value
    headers = {
        "Authorization": f"Bearer {key}",
        "X-CSRFToken": "a" * 32,
        "Cookie": f"csrftoken={'a' * 32}; sessionid={session}",
    }
    attacks: dict[str, Callable[[], list[Result]]] = {
        "routes": lambda: [routes.attack_as_stranger(victim), routes.attack_as_nobody(victim)],
        "forms": lambda: [routes.attack_without_token(victim)],
        "smuggling": lambda: [smuggling.smuggle(url)],
        "headers": lambda: [fuzz.fuzz_headers(url, key, cases // 2)],
        "paths": lambda: [fuzz.fuzz_paths(url, cases // 2)],
        "document": lambda: [generated.attack_by_document(url, headers)],
        "slow": lambda: [slow.attack_slowly(url, key, str(victim.chatbot.id))],
        "time": lambda: timing.attack_by_time(
            url, known, revoked.token.plaintext, generate().plaintext
        ),
    }
    results = []
    for name, run in attacks.items():
        if only in name:
            print(f"{name} …", flush=True)
            start = time.monotonic()
            results += run()
            print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    return results


if __name__ == "__main__":
    main()
