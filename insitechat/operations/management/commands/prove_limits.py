"""Prove on this machine and its engines that the limits are exact."""

import os
import secrets
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.sessions.backends.base import SessionBase
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.http import HttpRequest

from accounts.models import Plan, User
from accounts.sessions import SessionStore
from apikeys.services import create_api_key
from insitechat.operations import proof
from insitechat.operations.paths import PROJECT

REPORT = """\
calls admitted of {calls} sent, {limit} allowed     {admitted}
keys created of {creations} requested, {cap} allowed    {keys}
calls accepted after a revocation          {accepted}
first refusal after sending a revocation   {milliseconds:.0f} ms
"""


class Command(BaseCommand):
    help = (
        "Serve the project with several processes on a free port, load it from hundreds of "
        "connections, and count the calls admitted, the keys created and the calls accepted after "
        "a revocation. Fails unless these are 60, 5 and 0. Creates temporary accounts on the "
        "configured engines and deletes them at the end; an empty database is migrated first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--processes", type=int, default=3)

    def handle(self, *args: Any, processes: int, **options: Any) -> None:
        if not connection.introspection.table_names():
            call_command("migrate", verbosity=0)
        try:
            with serving(processes) as port, target(port) as measured:
                figures = proof.prove(measured)
        except proof.Inconclusive as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            REPORT.format(
                limit=proof.LIMIT,
                calls=proof.CONNECTIONS * proof.CALLS_EACH,
                admitted=figures.admitted,
                cap=proof.CAP,
                creations=proof.CREATIONS,
                keys=figures.keys,
                accepted=figures.accepted_after_revocation,
                milliseconds=figures.milliseconds_to_refusal,
            )
        )
        if not figures.are_exact:
            raise CommandError(f"Expected {proof.LIMIT}, {proof.CAP} and 0.")


@contextmanager
def serving(processes: int) -> Iterator[int]:
    """Serve the project with its own gunicorn configuration on a free port; yields the port."""
    with tempfile.TemporaryFile() as log:
        listener = proof.free_listener()
        port: int = listener.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn"],
            cwd=PROJECT,
            env=os.environ
            | {
                "BIND": f"fd://{listener.fileno()}",
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
                "WEB_CONCURRENCY": str(processes),
                # Exactness is what counts: on a slow machine calls may wait, none answer 503.
                "DATABASE_REQUEST_SECONDS": "60",
                "RATE_LIMIT_WAIT_SECONDS": "60",
            },
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=log,
        )
        listener.close()
        try:
            proof.wait_until(lambda: server.poll() is not None or is_ready(port))
            if server.poll() is not None:
                log.seek(0)
                raise proof.Inconclusive(log.read().decode(errors="replace"))
            yield port
        finally:
            server.terminate()
            server.wait()


def is_ready(port: int) -> bool:
    try:
        return proof.send_once(port, proof.Call("GET", "/readyz")) == 200
    except OSError:
        return False


@contextmanager
def target(port: int) -> Iterator[proof.Target]:
    """Create the accounts and keys to measure with; deletes them afterwards."""
    name = f"prove-limits-{secrets.token_hex(6)}"
    limited_plan = Plan.objects.create(
        name=name, requests_per_minute=proof.LIMIT, max_active_api_keys=proof.CAP
    )
    unlimited_plan = Plan.objects.create(name=f"{name}-unlimited", requests_per_minute=100_000)
    accounts = [
        User.objects.create_user(f"{name}-{number}@localhost", plan=plan)
        for number, plan in enumerate((limited_plan, limited_plan, unlimited_plan))
    ]
    limited, creator, hammered = accounts
    sessions = [sign_in(account) for account in (creator, hammered)]
    try:
        hammered_key = create_api_key(hammered, "Hammered")
        yield proof.Target(
            port=port,
            limited=listing(create_api_key(limited, "Limited").token.plaintext),
            create=proof.Call(
                "POST", "/api/v1/api-keys", in_session(sessions[0], port), '{"name": "Parallel"}'
            ),
            created_status=201,
            hammered=listing(hammered_key.token.plaintext),
            revoke=proof.Call(
                "DELETE",
                f"/api/v1/api-keys/{hammered_key.api_key.id}",
                in_session(sessions[1], port),
            ),
        )
    finally:
        for session in sessions:
            session.delete()
        for account in accounts:
            account.delete()
        limited_plan.delete()
        unlimited_plan.delete()


def listing(plaintext: str) -> proof.Call:
    return proof.Call("GET", "/api/v1/chatbots", {"Authorization": f"Bearer {plaintext}"})


def sign_in(account: User) -> SessionBase:
    """Return a session in which the account has just signed in, as creating keys requires."""
    request = HttpRequest()
    request.session = SessionStore()
    login(request, account, settings.AUTHENTICATION_BACKENDS[0])
    request.session.set_expiry(3600)
    request.session.save()
    return request.session


def in_session(session: SessionBase, port: int) -> dict[str, str]:
    """Return the header fields that a browser with this session sends."""
    token = secrets.token_hex(16)
    return {
        "Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}; "
        f"{settings.CSRF_COOKIE_NAME}={token}",
        "X-CSRFToken": token,
        "Content-Type": "application/json",
        "Origin": f"http://127.0.0.1:{port}",
    }
