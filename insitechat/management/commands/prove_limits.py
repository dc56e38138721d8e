"""Prove the promises about limits on this machine and these engines."""

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
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts.models import Plan, User
from apikeys.services import create_api_key
from insitechat import proof
from insitechat.paths import PROJECT

REPORT = """\
calls admitted of {limit} allowed, {calls} sent    {admitted}
keys made of {cap} allowed, {creations} asked for      {keys}
calls accepted after a revocation          {accepted}
first refusal after sending a revocation   {milliseconds:.0f} ms
"""


class Command(BaseCommand):
    help = (
        "Fire at the whole stack, served by several processes on a port of its own, and count: "
        "calls admitted, keys made, calls accepted after a revocation. Fails on anything but 60, 5 "
        "and 0. Makes accounts of its own on the configured engines and deletes them at the end; "
        "an empty database is migrated first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--processes", type=int, default=3)

    def handle(self, *args: Any, processes: int, **options: Any) -> None:
        if not connection.introspection.table_names():
            call_command("migrate", verbosity=0)
        try:
            with serving(processes) as port, target(port) as fired_at:
                figures = proof.prove(fired_at)
        except proof.CannotTell as error:
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
    """Serve the project with gunicorn as it is shipped, on a free port; yields the port."""
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
                raise proof.CannotTell(log.read().decode(errors="replace"))
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
    """Make the accounts and keys to fire with; they are gone afterwards."""
    name = f"prove-limits-{secrets.token_hex(6)}"
    usual = Plan.objects.create(
        name=name, requests_per_minute=proof.LIMIT, max_active_api_keys=proof.CAP
    )
    unlimited = Plan.objects.create(name=f"{name}-unlimited", requests_per_minute=100_000)
    accounts = [
        User.objects.create_user(f"{name}-{number}@localhost", plan=plan)
        for number, plan in enumerate((usual, usual, unlimited))
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
        usual.delete()
        unlimited.delete()


def listing(plaintext: str) -> proof.Call:
    return proof.Call("GET", "/api/v1/chatbots", {"Authorization": f"Bearer {plaintext}"})


def sign_in(account: User) -> SessionStore:
    session = SessionStore()
    session[SESSION_KEY] = str(account.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = account.get_session_auth_hash()
    session.set_expiry(3600)
    session.save()
    return session


def in_session(session: SessionStore, port: int) -> dict[str, str]:
    """Return the header fields that a browser with this session sends."""
    token = secrets.token_hex(16)
    return {
        "Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}; "
        f"{settings.CSRF_COOKIE_NAME}={token}",
        "X-CSRFToken": token,
        "Content-Type": "application/json",
        "Origin": f"http://127.0.0.1:{port}",
    }
