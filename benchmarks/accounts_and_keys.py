"""The data that every contender serves: accounts with three chatbots and one key each."""

import hashlib
import os
import secrets
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
from django.utils import timezone

from benchmarks.engines import PEERS, Engines
from insitechat.operations.paths import PROJECT

ACCOUNTS = 5000
CHATBOTS_EACH = 3
# More accounts, whose keys are kept out of the rounds so that they can be exhausted.
RESERVED = 60
# Rows per statement: PostgreSQL numbers a statement's parameters with 16 bits.
BATCH = 1000
PEER_PACKAGES = ("benchmarks.peers.stock", "benchmarks.peers.usual", "benchmarks.peers.rest")


@dataclass(frozen=True, slots=True)
class Fields:
    """The header fields of each contender, one per account, and the folder of the files for wrk."""

    folder: Path
    ours: list[str]
    usual: list[str]
    rest: list[str]
    owner_id: uuid.UUID

    def file(self, name: str, lines: list[str]) -> Path:
        file = self.folder / name
        file.write_text("".join(f"{line}\n" for line in lines))
        return file


def create(engines: Engines, folder: Path) -> Fields:
    """Migrate and fill both databases. Django has to be set up for our own project."""
    owner_id, ours = fill_ours()
    migrate_peers(engines)
    with engines.postgres.connect(PEERS) as database:
        usual, rest = fill_peers(database)
    with engines.postgres.connect("insitechat") as database:
        database.execute("VACUUM ANALYZE")
    return Fields(folder, ours, usual, rest, owner_id)


def fill_ours() -> tuple[uuid.UUID, list[str]]:
    from django.core.management import call_command

    from accounts.models import Plan, User
    from apikeys import tokens
    from apikeys.models import ApiKey
    from chatbots.models import Chatbot

    call_command("migrate", verbosity=0)
    plan = Plan.objects.default()
    users = User.objects.bulk_create(
        (
            User(email=f"account-{number}@example.org", plan=plan, password="!")
            for number in range(ACCOUNTS + RESERVED)
        ),
        BATCH,
    )
    start = timezone.now()
    Chatbot.objects.bulk_create(
        (
            Chatbot(
                owner=user,
                name=f"Chatbot {number}",
                slug=f"chatbot-{number}",
                created_at=start + timedelta(seconds=number),
            )
            for user in users
            for number in range(CHATBOTS_EACH)
        ),
        BATCH,
    )
    new_tokens = [tokens.generate() for _ in users]
    ApiKey.objects.bulk_create(
        (
            ApiKey(owner=user, name="Benchmark", prefix=token.prefix, digest=token.digest)
            for user, token in zip(users, new_tokens, strict=True)
        ),
        BATCH,
    )
    return users[0].id, [f"Authorization: Bearer {token.plaintext}" for token in new_tokens]


def migrate_peers(engines: Engines) -> None:
    environment = os.environ | {"PEERS_DATABASE_URL": engines.peers_url}
    for package in PEER_PACKAGES:
        # The peers' own apps have no migrations; their tables refer to those that Django creates.
        for options in ([], ["--run-syncdb"]):
            subprocess.run(
                [sys.executable, "-m", "django", "migrate", "--verbosity=0", *options],
                cwd=PROJECT,
                env=environment | {"DJANGO_SETTINGS_MODULE": f"{package}.settings"},
                check=True,
            )


def fill_peers(database: psycopg.Connection) -> tuple[list[str], list[str]]:
    """Fill the peers' tables. One more account has no key, for measuring how keys are created."""
    count = ACCOUNTS + RESERVED
    database.execute(
        "INSERT INTO auth_user (id, username, password, is_superuser, first_name, last_name, "
        "email, is_staff, is_active, date_joined) "
        "SELECT n, 'account-' || n, '!', false, '', '', '', false, true, now() "
        "FROM generate_series(1, %s) n",
        [count + 1],
    )
    database.execute(
        "INSERT INTO stock_chatbot (id, owner_id, name, slug, provider, system_prompt, "
        "fallback_message, is_active, created_at) "
        "SELECT gen_random_uuid(), n, 'Chatbot ' || c, 'chatbot-' || c, 'builtin', '', '', true, "
        "now() + c * interval '1 second' "
        "FROM generate_series(1, %s) n, generate_series(0, %s) c",
        [count, CHATBOTS_EACH - 1],
    )
    usual = [secrets.token_urlsafe(32) for _ in range(count)]
    rest = [f"{secrets.token_hex(4)}.{secrets.token_hex(16)}" for _ in range(count)]
    with (
        database.cursor() as cursor,
        cursor.copy(
            "COPY usual_apikey (owner_id, name, digest, created_at) FROM STDIN"
        ) as usual_rows,
    ):
        for number, key in enumerate(usual, 1):
            digest = hashlib.sha256(key.encode()).hexdigest()
            usual_rows.write_row((number, "Benchmark", digest, timezone.now()))
    with (
        database.cursor() as cursor,
        cursor.copy(
            "COPY rest_ownerskey (id, prefix, hashed_key, created, name, revoked, owner_id) "
            "FROM STDIN"
        ) as rest_rows,
    ):
        for number, key in enumerate(rest, 1):
            prefix = key.partition(".")[0]
            digest = f"sha512$${hashlib.sha512(key.encode()).hexdigest()}"
            rest_rows.write_row(
                (f"{prefix}.{digest}", prefix, digest, timezone.now(), "x", False, number)
            )
    database.execute("VACUUM ANALYZE")
    return (
        [f"Authorization: Bearer {key}" for key in usual],
        [f"Authorization: Api-Key {key}" for key in rest],
    )
