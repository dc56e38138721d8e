"""A copy of the project to run things in, as in a fresh clone."""

import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil

from insitechat.operations.paths import PROJECT
from tests.conftest import wait_for

CODE = ["accounts", "apikeys", "chatbots", "core", "docs", "insitechat", "ratelimit", "securitylog"]
FILES = ["gunicorn.conf.py", "manage.py"]
OURS = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL", "DJANGO_SETTINGS_MODULE"}


class Checkout:
    """A copy of the project, and what is run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder.parent / f"{folder.name}.out"
        for name in CODE:
            shutil.copytree(PROJECT / name, folder / name)  # compiled files too: they stay valid
        for name in FILES:
            shutil.copy(PROJECT / name, folder / name)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in OURS}
        return kept | {"PORT": str(self.port), "PYTHONDONTWRITEBYTECODE": "1"} | more

    def start(self, **more: str) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "insitechat.operations.local"],
                cwd=self.folder,
                env=self.environment(**more),
                stdout=output,
                stderr=output,
            )

    def serve(self, **more: str) -> subprocess.Popen[bytes]:
        process = self.start(**more)
        wait_for(lambda: "Ctrl-C stops it" in self.said() or process.poll() is not None)
        assert process.poll() is None, self.said()
        return process

    def said(self) -> str:
        return self.output.read_text()

    def manage(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def call(self, key: str, path: str = "/chatbots") -> httpx2.Response:
        return httpx2.get(
            f"http://127.0.0.1:{self.port}/api/v1{path}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
        )

    def workers(self) -> list[psutil.Process]:
        """Return the workers of jobs that run in here."""
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                if process.cmdline()[-2:] == ["manage.py", "worker"]:
                    found.append(process)
        return found

    def server(self) -> psutil.Process:
        """Return gunicorn's master, the one that has children."""
        (master,) = (
            process
            for process in self.processes()
            if process.cmdline()[-1] == "gunicorn" and process.children()
        )
        return master

    def processes(self) -> list[psutil.Process]:
        """Return what runs in here, or on data in here."""
        found = []
        for process in psutil.process_iter():
            try:
                belongs = str(self.folder) in " ".join([process.cwd(), *process.cmdline()])
            except psutil.Error:
                continue
            if belongs:
                found.append(process)
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
