"""`make run`'s program as a newcomer uses it: in a copy of the project of its own."""

import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from securitylog.origin import Actor
from tests.checkout import Checkout
from tests.conftest import answers, wait_for

Permissions = dict[Path, tuple[int, int, int]]


def permissions(folder: Path) -> Permissions:
    """Return the mode, the owner and the group of the folder and of all above it."""
    found: Permissions = {}
    for parent in [folder, *folder.parents]:
        status = parent.stat()
        found[parent] = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the project, in a folder with a long name that others may not enter."""
    closed = tmp_path_factory.mktemp("newcomer") / "closed"
    closed.mkdir(mode=0o700)
    return Checkout(closed / ("long-" * 25) / "project")


@pytest.fixture(scope="module")
def permissions_before(checkout: Checkout) -> Permissions:
    return permissions(checkout.folder) | permissions(Path(sys.prefix))


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> int:
    process.send_signal(how)
    return process.wait(120)


@pytest.fixture(scope="module")
def first(checkout: Checkout, permissions_before: Permissions) -> Iterator[tuple[Checkout, str]]:
    """Start for the first time; yield what was printed then."""
    process = checkout.serve()
    yield checkout, checkout.said()
    if process.poll() is None:
        end(process)


def open_browser(checkout: Checkout) -> httpx2.Client:
    base = f"http://127.0.0.1:{checkout.port}"
    return httpx2.Client(base_url=base, timeout=60, trust_env=False, follow_redirects=True)


def sign_in(browser: httpx2.Client, email: str, password: str) -> httpx2.Response:
    """Fill the form that the front page leads to; return the page that follows."""
    form = browser.get("/")
    assert form.url.path == "/sign-in/"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)
    assert token is not None
    fields = {"login": email, "password": password, "csrfmiddlewaretoken": token[1]}
    return browser.post("/sign-in/", data=fields)


def parent_of(process: psutil.Process) -> int | None:
    """Return the parent's id; None where the process has ended meanwhile."""
    try:
        parent: int = process.ppid()
    except psutil.NoSuchProcess:
        return None
    return parent


@pytest.mark.xdist_group("run")
class TestRun:
    """In the order of a newcomer's first hour."""

    key = ""

    def test_the_printed_command_gets_an_answer(self, first: tuple[Checkout, str]) -> None:
        _, printed = first
        command = shlex.split(printed[printed.index("\ncurl ") :].split("\n\n")[0])
        url = command[1]
        headers = dict(
            command[at + 1].split(": ", 1) for at, word in enumerate(command) if word == "-H"
        )
        body = command[command.index("-d") + 1]
        response = httpx2.post(url, headers=headers, content=body, timeout=60, trust_env=False)
        assert response.status_code == 200
        assert "60 requests" in response.json()["response"]
        type(self).key = headers["Authorization"].removeprefix("Bearer ")

    def test_the_printed_login_opens_the_dashboard(self, first: tuple[Checkout, str]) -> None:
        checkout, printed = first
        login = re.search(r"Demo login +(\S+) +(\S+)", printed)
        assert login is not None
        with open_browser(checkout) as browser:
            dashboard = sign_in(browser, login[1], login[2])
        assert dashboard.url.path == "/dashboard/"
        assert "1 active" in dashboard.text

    def test_its_own_data_is_for_its_owner_alone(self, first: tuple[Checkout, str]) -> None:
        checkout, _ = first
        data = checkout.folder / ".data"
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        for name in ("secret-key", "demo-password"):
            assert stat.S_IMODE((data / name).stat().st_mode) == 0o600

    def test_it_has_changed_no_permission_outside_its_own_folder(
        self, first: tuple[Checkout, str], permissions_before: Permissions
    ) -> None:
        checkout, _ = first
        now = permissions(checkout.folder) | permissions(Path(sys.prefix))
        assert now == permissions_before

    def test_an_operators_commands_work_beside_it(self, first: tuple[Checkout, str]) -> None:
        checkout, _ = first
        made = checkout.manage(
            "create_account", "op@example.org", "--password-stdin", stdin="a long phrase\n"
        )
        assert made.returncode == 0, made.stderr
        created = checkout.manage("create_api_key", "op@example.org", "Shell")
        key = created.stdout.removesuffix("\n")
        assert checkout.call(key).json() == []
        text = checkout.folder / "docs" / "api-keys.md"
        bot = checkout.manage("create_chatbot", "op@example.org", "Guide", "--text", str(text))
        assert checkout.call(key).json()[0]["id"] == bot.stdout.strip()
        assert key[:8] in checkout.manage("list_api_keys", "op@example.org").stdout
        assert checkout.manage("revoke_api_key", key[:8]).returncode == 0
        assert checkout.call(key).status_code == 401
        with open_browser(checkout) as browser:
            sign_in(browser, "op@example.org", "a long phrase")
            log = browser.get("/dashboard/security-log/").text
        who = re.search(r'was revoked</th>\s*<td data-label="Who">([^<]*)<', log)
        assert who is not None
        assert who[1] == Actor.COMMAND_LINE.label

    def test_its_worker_sends_mail(self, first: tuple[Checkout, str]) -> None:
        checkout, printed = first
        found = re.search(r"Demo login +(\S+)", printed)
        assert found is not None
        base = f"http://127.0.0.1:{checkout.port}"
        with httpx2.Client(base_url=base, timeout=60, trust_env=False) as browser:
            wait_for(lambda: browser.get("/readyz").json() == {"status": "ok"})
            page = browser.get("/forgotten-password/")
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
            assert token is not None
            form = {"email": found[1], "csrfmiddlewaretoken": token[1]}
            assert browser.post("/forgotten-password/", data=form).status_code == 302
        wait_for(lambda: f"{base}/forgotten-password/" in checkout.said(), what=checkout.said)

    def test_its_worker_is_started_again(self, first: tuple[Checkout, str]) -> None:
        checkout, _ = first
        (worker,) = checkout.workers()
        worker.kill()
        wait_for(lambda: "it is restarted in 2 seconds" in checkout.said())
        assert checkout.call(self.key).status_code == 200
        wait_for(lambda: bool(checkout.workers()) and checkout.workers() != [worker])

    def test_its_server_is_started_again(self, first: tuple[Checkout, str]) -> None:
        checkout, _ = first
        master = checkout.server()
        orphans = master.children()
        master.kill()
        wait_for(lambda: "The server has exited" in checkout.said())
        wait_for(lambda: answers(f"http://127.0.0.1:{checkout.port}/readyz"), what=checkout.said)
        assert checkout.call(self.key).status_code == 200
        assert not any(orphan.is_running() for orphan in orphans)

    def test_it_does_not_run_twice(self, first: tuple[Checkout, str]) -> None:
        checkout, _ = first
        again = subprocess.run(
            [sys.executable, "-m", "insitechat.operations.local"],
            cwd=checkout.folder,
            env=checkout.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert again.returncode == 1
        assert "running here already" in again.stderr
        assert checkout.call(self.key).status_code == 200

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGHUP])
    def test_a_second_start_finds_yesterdays_data_and_a_signal_stops_everything(
        self, first: tuple[Checkout, str], how: signal.Signals
    ) -> None:
        checkout, printed = first
        for process in checkout.processes():
            if parent_of(process) == os.getpid():
                process.terminate()
        wait_for(lambda: not checkout.processes())
        process = checkout.serve()
        assert checkout.call(self.key).status_code == 200
        said = checkout.said()
        assert re.findall(r"Demo login.*", said) == re.findall(r"Demo login.*", printed)
        assert self.key not in said
        assert end(process, how) == 0
        assert checkout.processes() == []
        assert not (checkout.folder / ".data" / "local.env").exists()

    def test_a_second_ctrl_c_does_not_disturb_the_stop(self, first: tuple[Checkout, str]) -> None:
        checkout, _ = first
        process = checkout.serve(BIND="127.0.0.1:1")  # which is not make run's to heed
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
        assert checkout.processes() == []

    def test_a_killed_run_leaves_nothing_running(self, first: tuple[Checkout, str]) -> None:
        checkout, _ = first
        process = checkout.serve()
        process.kill()
        process.wait()
        wait_for(lambda: not checkout.processes())
        assert "`make run` sets those that are required" in checkout.manage("check").stderr
        process = checkout.serve()
        assert checkout.call(self.key).status_code == 200
        end(process)

    def test_engines_that_are_named_are_used_instead(self, first: tuple[Checkout, str]) -> None:
        checkout, _ = first
        process = checkout.serve(REDIS_URL=os.environ["REDIS_URL"])
        commands = " ".join(" ".join(one.cmdline()) for one in checkout.processes())
        assert "postgres" in commands
        assert "valkey-server" not in commands
        end(process)


def run_to_its_end(checkout: Checkout, **environment: str) -> tuple[int, str]:
    process = checkout.start(**environment)
    return process.wait(120), checkout.said()


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "project")
    with socket.create_server(("127.0.0.1", checkout.port)):
        code, said = run_to_its_end(checkout)
    assert code == 1
    assert f"Port {checkout.port} cannot be used: Address already in use." in said
    assert f"PORT={checkout.port + 1} make run" in said
    assert "Traceback" not in said
    assert checkout.processes() == []


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "8000.5"])
def test_a_port_that_is_none_is_a_clear_error(tmp_path: Path, port: str) -> None:
    code, said = run_to_its_end(Checkout(tmp_path / "project"), PORT=port)
    assert code == 1
    assert "has to be a number from 1 to 65535" in said


@pytest.mark.parametrize("after_seconds", [1.0, 3.0])
def test_a_stop_while_it_starts_leaves_nothing_running(
    tmp_path: Path, after_seconds: float
) -> None:
    checkout = Checkout(tmp_path / "project")
    process = checkout.start()
    try:
        process.wait(after_seconds)
    except subprocess.TimeoutExpired:
        end(process)
    wait_for(lambda: checkout.processes() == [], what=checkout.said)
    assert "Traceback" not in checkout.said()
    process = checkout.serve()
    end(process)


SIGNALLED_WHILE_IT_MIGRATES = """
import os, signal
from insitechat.operations.local import __main__ as local

def run():
    with local.stops_put_off():
        os.kill(os.getpid(), signal.SIGTERM)
        print("migrates to the end")
    print("does not stop")

local.run = run
local.main()
"""


def test_a_stop_waits_for_the_end_of_a_migration() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED_WHILE_IT_MIGRATES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "migrates to the end\n"), done.stderr


SIGNALLED_WHILE_AN_OBJECT_ENDS = """
import os, signal
from insitechat.operations.local import __main__ as local

class Ending:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

def run():
    Ending()
    print("goes on")
    local.leave_if_told()
    print("does not stop")

local.run = run
local.main()
"""


def test_a_stop_in_a_finalizer_is_not_lost() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SIGNALLED_WHILE_AN_OBJECT_ENDS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "goes on\n", "")
