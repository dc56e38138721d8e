"""A test run leaves nothing in the temporary folder, however it ends."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from insitechat.operations.paths import PROJECT
from tests.conftest import wait_for

OURS = ("PYTEST_", "DATABASE_URL", "REDIS_URL", "SECRET_KEY")


class Run:
    """A test run of its own, with a temporary folder of its own."""

    def __init__(self) -> None:
        # In no folder of this test's: paths of sockets have to be short.
        self.temporary = Path(tempfile.mkdtemp(prefix="t"))
        self.temporary.chmod(0o711)
        self.log = self.temporary.with_suffix(".log")

    def start(self, *tests: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "1", *tests],
                cwd=PROJECT,
                env=kept | {"TMPDIR": str(self.temporary)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def has_begun_tests(self) -> bool:
        return any(self.temporary.glob("*/pytest-of-*/pytest-*/popen-gw0/test_*"))

    def leftovers(self) -> list[Path]:
        return list(self.temporary.iterdir())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.temporary, ignore_errors=True)


@pytest.fixture
def run() -> Iterator[Run]:
    run = Run()
    yield run
    run.close()


def test_a_run_removes_its_temporary_files(run: Run) -> None:
    run.start("tests/ratelimit/test_limiter.py")
    assert run.process.wait(120) == 0, run.log.read_text()
    assert run.leftovers() == []


def test_a_killed_run_removes_its_temporary_files(run: Run) -> None:
    run.start("tests/ratelimit/test_outage.py")
    wait_for(run.has_begun_tests, within_seconds=120, what=run.log.read_text)
    children = psutil.Process(run.process.pid).children(recursive=True)
    run.process.kill()
    run.process.wait(120)
    wait_for(lambda: run.leftovers() == [], within_seconds=120, what=run.log.read_text)
    wait_for(lambda: not any(child.is_running() for child in children), within_seconds=120)
