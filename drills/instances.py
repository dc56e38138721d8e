"""Several instances of the service on the same engines."""

import os
import signal
import time
from pathlib import Path

from drills.drill import Drill, prepare
from drills.processes import Child, DrillFailed, Instance, free_port, running, status_of, wait_until
from drills.stage import Stage

CLOCKS_OFF_BY_SECONDS = 300


def two(at: Stage) -> None:
    prepare(at)
    at.add_instance()


def two_with_other_clocks(at: Stage) -> None:
    """Run one instance five minutes fast and the other five minutes slow."""
    for seconds in (CLOCKS_OFF_BY_SECONDS, -CLOCKS_OFF_BY_SECONDS):
        at.add_instance("drills.shifted", CLOCK_OFF_SECONDS=str(seconds))
    at.add_worker()


def nothing(_: Stage) -> None:
    time.sleep(8.0)


class Proxy(Child):
    """Nginx in front of the instances."""

    def __init__(self, at: Stage) -> None:
        self.port = free_port()
        self.file = at.folder / "nginx.conf"
        self.pass_to(at.instances)
        command = ["nginx", "-p", str(at.folder), "-c", str(self.file), "-e", "stderr"]
        super().__init__("nginx", command, {}, at.folder)

    def pass_to(self, instances: list[Instance]) -> None:
        servers = "".join(f"server 127.0.0.1:{instance.port};" for instance in instances)
        self.file.write_text(
            CONFIGURATION.format(port=self.port, servers=servers, **own(self.file))
        )

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)


def own(file: Path) -> dict[str, str]:
    folder = file.parent
    return {"folder": str(folder), "user": "user root;" if os.geteuid() == 0 else ""}


# Clients' connections are not kept: on a kept one a request can meet its end, whoever serves.
CONFIGURATION = """
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off; keepalive_timeout 0;
    client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-1; uwsgi_temp_path {folder}/nginx-2;
    scgi_temp_path {folder}/nginx-3;
    upstream service {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://service; proxy_set_header Host $host; proxy_read_timeout 60s;
        }}
    }}
}}
"""


def two_behind_a_proxy(at: Stage) -> None:
    two(at)
    proxy = Proxy(at)
    at.stack.enter_context(running(proxy))
    at.proxy = proxy
    at.proxy_port = proxy.port
    wait_until(lambda: status_of(proxy.port, "/readyz") == 200, 20.0, proxy.said)


def restart_in_turn(at: Stage) -> None:
    """Take each instance out of the proxy, restart it, and put it back once it is ready."""
    proxy = at.proxy
    if not isinstance(proxy, Proxy):
        raise DrillFailed("no proxy runs")
    for instance in at.instances:
        proxy.pass_to([other for other in at.instances if other is not instance])
        proxy.reload()
        time.sleep(1.0)
        instance.stop()
        instance.start()
        instance.wait_until_ready()
        proxy.pass_to(at.instances)
        proxy.reload()
        time.sleep(1.0)


DRILLS = [
    Drill("two-instances", "none, with two instances", nothing, prepare=two),
    Drill(
        "clocks",
        "one host's clock 5 min fast, one's slow",
        nothing,
        prepare=two_with_other_clocks,
    ),
    Drill(
        "rolling-restart",
        "two instances restarted in turn",
        restart_in_turn,
        prepare=two_behind_a_proxy,
        needs="nginx",
    ),
]
