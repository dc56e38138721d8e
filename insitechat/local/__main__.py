"""`make run`: engines, schema, demo and server from one command, stopped in order."""

import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

from insitechat.local.engines import Engine, EngineError, Postgres, Valkey, with_parent
from insitechat.paths import DATA, LOCAL_ENVIRONMENT, LOCK, PROJECT

HOST = "127.0.0.1"
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 45.0  # longer than gunicorn's own graceful timeout
# gunicorn's workers miss a signal that comes while they start; nobody is served then yet.
STOP_WHILE_STARTING_TIMEOUT_SECONDS = 3.0
DEMO_PASSWORD = DATA / "demo-password"
DEMO_CHATBOT = DATA / "demo-chatbot"
SECRET_KEY = DATA / "secret-key"


class CannotRun(Exception):
    """The service cannot be started; the text says why and what to do."""


def main() -> None:
    for stop in STOPS:
        signal.signal(stop, leave)
    sys.unraisablehook = tell_unraisable
    try:
        run()
    except (CannotRun, EngineError) as error:
        sys.exit(f"\n{error}")


def leave(*_: object) -> NoReturn:
    """End in order; a second Ctrl-C does not disturb that."""
    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)
    sys.exit(0)


def leave_if_told() -> None:
    """End if a signal has come whose exit went no further than the finalizer it came in."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        sys.exit(0)


def tell_unraisable(unraisable: Any) -> None:
    """Tell of an error in a finalizer; an exit there is what `leave_if_told` makes up for."""
    if not issubclass(unraisable.exc_type, SystemExit):
        sys.__unraisablehook__(unraisable)


def run() -> None:
    port = read_port()
    DATA.mkdir(mode=0o700, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(only_one())
        check_port(port)
        engines = [stack.enter_context(running(engine)) for engine in engines_needed()]
        stack.enter_context(environment(port, engines))
        migrate()
        server = stack.enter_context(serving(port))
        print(greeting(f"http://{HOST}:{port}"), flush=True)
        watch(server, engines)


def read_port() -> int:
    text = os.environ.get("PORT", "8000")
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise CannotRun(f"PORT is {text!r}; it has to be a number from 1 to 65535.")
    return int(text)


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CannotRun(
                f"Port {port} cannot be used: {error.strerror}. "
                f"Choose another one: PORT={port + 1 if port < 65535 else 8000} make run"
            ) from error


@contextmanager
def only_one() -> Iterator[None]:
    """Refuse to run twice on the same data."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotRun("`make run` is running here already.") from error
        yield


def engines_needed() -> list[Engine]:
    needed: list[Engine] = []
    if not os.environ.get("DATABASE_URL"):
        needed.append(Postgres(DATA / "postgres"))
    if not os.environ.get("REDIS_URL"):
        needed.append(Valkey(DATA / "valkey"))
    return needed


@contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


@contextmanager
def environment(port: int, engines: list[Engine]) -> Iterator[None]:
    """Set what the settings need, here and for every manage.py beside this, while it lasts."""
    names = {Postgres: "DATABASE_URL", Valkey: "REDIS_URL"}
    values = {
        "SECRET_KEY": os.environ.get("SECRET_KEY") or kept(SECRET_KEY, 64),
        "PUBLIC_URL": os.environ.get("PUBLIC_URL") or f"http://{HOST}:{port}",
        **{names[type(engine)]: engine.url for engine in engines},
    }
    for name in names.values():
        values.setdefault(name, os.environ.get(name, ""))
    write_private(LOCAL_ENVIRONMENT, "".join(f"{k}={v}\n" for k, v in values.items()))
    os.environ.update(values)
    try:
        yield
    finally:
        LOCAL_ENVIRONMENT.unlink(missing_ok=True)


def kept(file: Path, characters: int) -> str:
    """Return the random text in a file, made when it is first asked for."""
    if not file.exists():
        write_private(file, secrets.token_urlsafe(characters))
    return file.read_text()


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(file)


def migrate() -> None:
    """Bring the schema up to date."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "insitechat.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    connections.close_all()


def greeting(address: str) -> str:
    """Return what to tell people; makes the demo on the first start, whose key is in it."""
    from django.db import connections

    from insitechat.demo import EMAIL, create_demo, curl

    demo = create_demo(kept(DEMO_PASSWORD, 12))
    connections.close_all()
    if demo:
        write_private(DEMO_CHATBOT, demo.chatbot_id)
    lines = [f"\nInsiteChat serves on {address}. Ctrl-C stops it.", f"\nDashboard   {address}/"]
    if DEMO_CHATBOT.exists():
        lines.append(f"Demo login  {EMAIL}  {DEMO_PASSWORD.read_text()}")
    lines.append(f"API docs    {address}/api/v1/docs")
    if demo:
        lines.append("\nThe demo's API key is in this command, and shown only now:\n")
        lines.append(curl(address, demo.chatbot_id, demo.token.plaintext))
    elif DEMO_CHATBOT.exists():
        lines.append(
            "\nWith a key from the dashboard (or `manage.py create_api_key EMAIL NAME`):\n"
        )
        lines.append(curl(address, DEMO_CHATBOT.read_text(), "ic_…"))
    return "\n".join(lines) + "\n"


@contextmanager
def serving(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serve with gunicorn; enters when the service is ready, leaves when it has stopped."""
    server = subprocess.Popen(
        [*with_parent(), sys.executable, "-m", "gunicorn"],
        cwd=PROJECT,
        env=os.environ | {"BIND": f"{HOST}:{port}"},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    patience_seconds = STOP_WHILE_STARTING_TIMEOUT_SECONDS
    try:
        wait_until_ready(server, port)
        patience_seconds = STOP_TIMEOUT_SECONDS
        yield server
    finally:
        server.terminate()
        try:
            server.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def wait_until_ready(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while server.poll() is None:
        leave_if_told()
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > deadline:
                raise CannotRun(f"The service does not become ready: {describe(error)}") from error
        time.sleep(0.05)
    raise CannotRun("The server stopped while starting; its reason stands above.")


def describe(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return error.read().decode(errors="replace")
    return str(error)


def watch(server: subprocess.Popen[bytes], engines: list[Engine]) -> NoReturn:
    """Wait for a signal; end everything when a part of it ends by itself."""
    parts: Mapping[str, subprocess.Popen[Any] | None] = {
        "The server": server,
        **{engine.name: engine.process for engine in engines},
    }
    while True:
        leave_if_told()
        for name, process in parts.items():
            if process is not None and process.poll() is not None:
                raise CannotRun(f"{name} has ended by itself (exit code {process.returncode}).")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
