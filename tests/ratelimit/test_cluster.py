"""The limiter on a Redis Cluster: one real node that owns every slot."""

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from insitechat.operations.local.engines import Valkey
from ratelimit.limiter import Limiter
from ratelimit.limits import Limit
from ratelimit.redis_window import RedisWindow
from tests.conftest import wait_for


class ClusterNode(Valkey):
    def __init__(self, data: Path, port: int) -> None:
        super().__init__(data, durable=False)
        self.port = port

    def command(self) -> list[str]:
        return [
            *super().command(),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--cluster-enabled", "yes"),
            *("--cluster-announce-ip", "127.0.0.1"),
        ]


def free_port() -> int:
    # The cluster bus takes the port 10,000 above, so both have to exist.
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            if port < 55_000:
                return port


@pytest.fixture
def cluster_url(tmp_path: Path) -> Iterator[str]:
    node = ClusterNode(tmp_path / "node", free_port())
    node.start()
    with redis.Redis(port=node.port) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_for(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))
    yield f"redis+cluster://127.0.0.1:{node.port}"
    node.stop()


def test_it_decides_on_a_cluster(cluster_url: str) -> None:
    window = RedisWindow(cluster_url, timeout_seconds=5.0)
    for _ in range(5):
        subject = str(uuid.uuid4())
        decisions = [window.hit(subject, Limit(2)) for _ in range(3)]
        assert [decision.allowed for decision in decisions] == [True, True, False]
    window.close()


def test_it_counts_windows_on_several_slots(cluster_url: str) -> None:
    window = RedisWindow(cluster_url, timeout_seconds=5.0)
    subjects = [(str(uuid.uuid4()), Limit(9)) for _ in range(5)]
    for number, subject in enumerate(subjects):
        for _ in range(number):
            window.hit(*subject)
    assert window.counts(subjects) == [0, 1, 2, 3, 4]
    window.close()


def test_a_cluster_that_is_gone_is_an_outage_like_any_other() -> None:
    limiter = Limiter(RedisWindow("redis+cluster://127.0.0.1:1"))
    limiter.prepare(connections=4)
    subject = str(uuid.uuid4())
    assert [limiter.hit(subject, Limit(2)).allowed for _ in range(3)] == [True, True, False]
    assert not limiter.redis_answers()
    limiter.close()
