"""Redis by TCP, as Sentinel and Cluster have it."""

from pathlib import Path

import redis

from drills.processes import free_port
from insitechat.operations.local.engines import Valkey


class Node(Valkey):
    """A Redis that others reach by TCP, with more options."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = cluster_port()
        self.options = options
        super().__init__(folder / f"node-{self.port}", durable=False)

    def command(self) -> list[str]:
        return [
            *super().command(),
            *("--port", str(self.port), "--bind", "127.0.0.1", *self.options),
        ]

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def cluster_port() -> int:
    """Return a free port; a cluster's nodes need the one 10,000 above it too."""
    while (port := free_port()) >= 55_000:
        pass
    return port
