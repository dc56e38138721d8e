"""`make backup` and `make restore`: the data of `make run`, as docker-compose backs it up too."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from insitechat.operations.local.engines import ROLE, EngineError, Postgres
from insitechat.operations.paths import DATA, PROJECT, is_served_here

BACKUPS = PROJECT / "backups"
PROGRAMS = {name: PROJECT / "docker" / name for name in ("backup", "restore")}


def main(program: str, *arguments: str) -> int:
    if program == "restore" and is_served_here():
        sys.exit("Stop `make run` first: a restore replaces what it serves.")
    if program == "restore" and not arguments:
        sys.exit("Which backup? FILE=backups/… make restore")
    if not (DATA / "postgres").exists() and program == "backup":
        sys.exit("There is nothing to back up: `make run` has never run here.")
    try:
        with running_postgres() as postgres:
            return run(PROGRAMS[program], arguments, postgres)
    except EngineError as error:
        sys.exit(str(error))


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Lend the server that `make run` runs, or run it meanwhile."""
    DATA.mkdir(mode=0o700, exist_ok=True)
    postgres = Postgres(DATA / "postgres")
    if is_served_here():
        yield postgres
        return
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop()


def run(program: Path, arguments: tuple[str, ...], postgres: Postgres) -> int:
    BACKUPS.mkdir(mode=0o700, exist_ok=True)
    environment = {
        "PATH": f"{postgres.binaries}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": str(postgres.sockets),
        "PGUSER": ROLE,
        "PGDATABASE": ROLE,
        "BACKUPS": str(BACKUPS),
        "MEDIA_ROOT": str(DATA / "media"),
    }
    return subprocess.run(
        [program, *arguments], env=os.environ | environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
