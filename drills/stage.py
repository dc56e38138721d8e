"""What a drill takes place on: engines, instances of the service, a worker and a provider."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from drills import population
from drills.engines import Node
from drills.population import Population
from drills.processes import Child, Instance, running
from drills.provider import Provider, running_provider
from insitechat.operations.local.engines import Engine, Postgres, Valkey

PROVIDER_TIMEOUT_SECONDS = 8
PROCESSES = 2


@dataclass(slots=True)
class Stage:
    """Everything that a drill may break."""

    folder: Path
    postgres: Postgres
    valkey: Valkey
    provider: Provider
    population: Population
    environment: dict[str, str]
    stack: ExitStack
    instances: list[Instance] = field(default_factory=list)
    worker: Child | None = None
    # Engines that stand in for others.
    nodes: list[Node] = field(default_factory=list)
    standby: Postgres | None = None
    # What a drill has to tell beside its row.
    notes: list[str] = field(default_factory=list)
    # What the load goes through, if not to the instances themselves.
    proxy: Child | None = None
    proxy_port: int | None = None

    @property
    def ports(self) -> list[int]:
        if self.proxy_port is not None:
            return [self.proxy_port]
        return [instance.port for instance in self.instances]

    def add_instance(self, *arguments: str, **environment: str) -> Instance:
        instance = Instance(self.environment | environment, self.folder, arguments)
        self.stack.enter_context(running(instance))
        instance.wait_until_ready()
        self.instances.append(instance)
        return instance

    def add_worker(self) -> Child:
        command = [sys.executable, "manage.py", "worker"]
        self.worker = Child("worker", command, self.environment, self.folder)
        self.stack.enter_context(running(self.worker))
        return self.worker

    def logs(self) -> str:
        children = [*self.instances, *([self.worker] if self.worker else [])]
        return "\n".join(child.said() for child in children)


class Template:
    """A filled database, copied for each drill."""

    def __init__(self, folder: Path, bursts: int) -> None:
        self.folder = folder
        postgres = Postgres(folder / "template" / "postgres", durable=False)
        valkey = Valkey(folder / "template" / "valkey", durable=False)
        with started(postgres), started(valkey):
            os.environ.update(
                DATABASE_URL=postgres.url,
                REDIS_URL=valkey.url,
                SECRET_KEY="drill-" * 12,
                PUBLIC_URL="http://127.0.0.1",
                DJANGO_SETTINGS_MODULE="insitechat.settings",
            )
            import django

            django.setup()
            from django.db import connections

            self.population = population.create(bursts)
            with postgres.connect("insitechat") as database:
                database.execute("VACUUM ANALYZE")
            connections.close_all()
        self.data = postgres.data


@contextmanager
def started(engine: Engine) -> Iterator[None]:
    engine.start()
    try:
        yield
    finally:
        engine.stop()


class NotRun(Exception):
    """The drill cannot be run here; the text says what it needs."""


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Put a small disk, in memory, at the folder. Raises NotRun."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        raise NotRun("needs root, who may mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


@contextmanager
def stage(
    template: Template, options: Mapping[str, str], disk_megabytes: int = 0
) -> Iterator[Stage]:
    """Run fresh engines on the template's data, and the provider; a drill adds the rest."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="drill-", dir=template.folder))
        folder.chmod(0o711)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if disk_megabytes:
            stack.enter_context(disk(folder, disk_megabytes))
        postgres = Postgres(folder / "postgres", durable=False)
        shutil.copytree(template.data, postgres.data)
        valkey = Valkey(folder / "valkey", durable=False)
        for engine in (postgres, valkey):
            stack.enter_context(started(engine))
        provider = stack.enter_context(running_provider())
        environment = {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "OLLAMA_BASE_URL": provider.url,
            "PROVIDER_TIMEOUT_SECONDS": str(PROVIDER_TIMEOUT_SECONDS),
            "WEB_CONCURRENCY": str(PROCESSES),
            **options,
        }
        yield Stage(folder, postgres, valkey, provider, template.population, environment, stack)
