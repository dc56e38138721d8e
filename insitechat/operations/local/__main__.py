"""`make run`: engines, schema, demo, worker and server from one command, stopped in order."""

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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

from insitechat.environment.reading import WrongEnvironment, collect
from insitechat.operations.local.engines import Engine, EngineError, Postgres, Valkey
from insitechat.operations.local.supervised import Supervised, running_worker
from insitechat.operations.paths import DATA, LOCAL_ENVIRONMENT, LOCK

HOST = "127.0.0.1"
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_TIMEOUT_SECONDS = 60.0
# Longer than gunicorn's own graceful timeout, and than core.heartbeats.INTERVALS.stop.
STOP_TIMEOUT_SECONDS = 45.0
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
    except (CannotRun, EngineError, WrongEnvironment) as error:
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


@contextmanager
def stops_put_off() -> Iterator[None]:
    """Let a signal wait for the end of the block: half a migration could not be taken up again."""
    told: list[int] = []
    handlers = {stop: signal.signal(stop, lambda number, _: told.append(number)) for stop in STOPS}
    try:
        yield
    finally:
        for stop, handler in handlers.items():
            signal.signal(stop, handler)
    if told:
        leave()


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
        with stops_put_off():
            migrate()
        worker = stack.enter_context(running_worker(STOP_TIMEOUT_SECONDS))
        server = stack.enter_context(serving(port))
        print(greeting(f"http://{HOST}:{port}"), flush=True)
        watch([server, worker], engines)


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
    given, _ = collect(os.environ)
    needed: list[Engine] = []
    if "DATABASE_URL" not in given:
        needed.append(Postgres(DATA / "postgres"))
    if "REDIS_URL" not in given:
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
    given, _ = collect(os.environ)
    names = {Postgres: "DATABASE_URL", Valkey: "REDIS_URL"}
    values = {
        "SECRET_KEY": given.get("SECRET_KEY") or kept(SECRET_KEY, 64),
        "PUBLIC_URL": given.get("PUBLIC_URL") or f"http://{HOST}:{port}",
        **{names[type(engine)]: engine.url for engine in engines},
    }
    for name in names.values():
        values.setdefault(name, given.get(name, ""))
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

    from insitechat.operations.demo import EMAIL, create_demo, curl

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
def serving(port: int) -> Iterator[Supervised]:
    """Serve with gunicorn; enters when the service is ready, leaves when it has stopped."""
    server = Supervised("The server", "-m", "gunicorn", BIND=f"{HOST}:{port}")
    patience_seconds = STOP_WHILE_STARTING_TIMEOUT_SECONDS
    try:
        wait_until_ready(server.process, port)
        patience_seconds = STOP_TIMEOUT_SECONDS
        yield server
    finally:
        server.stop(patience_seconds)


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


def watch(programs: list[Supervised], engines: list[Engine]) -> NoReturn:
    """Wait for a signal; restart what exits. If an engine exits, end everything."""
    while True:
        leave_if_told()
        for program in programs:
            program.restart_if_needed()
        for engine in engines:
            if engine.process is not None and engine.process.poll() is not None:
                code = engine.process.returncode
                raise CannotRun(f"{engine.name} has ended by itself (exit code {code}).")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
