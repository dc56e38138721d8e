"""`make alerts`: each fault fires its alerts in a real Prometheus, and no fault fires none."""

import json
import re
import shutil
import signal
import sys
import tempfile
import threading
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from drills.load import Call, Client, Load, chat
from drills.postgres_faults import set_read_only, suspended
from drills.processes import (
    READY_WITHIN_SECONDS,
    Child,
    DrillFailed,
    free_port,
    manage,
    running,
    wait_until,
)
from drills.provider import answer_to, question
from drills.stage import Stage, Template, stage
from insitechat.operations.paths import PROJECT

MONITORING = PROJECT / "monitoring"
FIRE_WITHIN_SECONDS = 90.0
HEALTHY_SECONDS = 15.0
# They fire without a fault where everything is slow.
OF_A_BUSY_MACHINE = {"SlowAnswers", "DatabaseSlow", "DatabasePoolExhausted"}
SEND_MAILS = """
from django.core.mail import send_mail
for number in range(12):
    send_mail("x", "x", "from@example.org", ["to@example.org"])
"""
# What PostgreSQL raises when it cannot enlarge a file.
DISK_FULL = """
    CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER disk_full BEFORE INSERT ON chatbots_message
    FOR EACH ROW EXECUTE FUNCTION disk_full()
"""
WAIT_FOR_LONG = (
    "UPDATE procrastinate_events SET at = at - interval '1 hour' WHERE type = 'deferred'"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is caused, and which alerts it has to fire."""

    name: str
    cause: Callable[[Stage], AbstractContextManager[None]]
    alerts: frozenset[str]
    options: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def database_frozen(at: Stage) -> Iterator[None]:
    """Freeze PostgreSQL while chats wait for their provider: none can be given back then."""
    at.provider.seconds = 3.0
    threading.Event().wait(4.0)
    with suspended(at):
        yield


@contextmanager
def table_locked(at: Stage) -> Iterator[None]:
    with at.postgres.connect("insitechat") as database, database.transaction():
        database.execute("LOCK TABLE chatbots_chatbot")
        yield


@contextmanager
def database_slow(at: Stage) -> Iterator[None]:
    """Have each look-up of a key wait up to a third of a second: slow, but no outage."""
    stopped = threading.Event()

    def hold_up() -> None:
        with at.postgres.connect("insitechat") as database:
            while not stopped.wait(0.1):
                with database.transaction():
                    database.execute("LOCK TABLE apikeys_apikey")
                    database.execute("SELECT pg_sleep(0.3)")

    holder = threading.Thread(target=hold_up)
    holder.start()
    try:
        yield
    finally:
        stopped.set()
        holder.join()


@contextmanager
def database_read_only(at: Stage) -> Iterator[None]:
    set_read_only(at, "on")
    yield
    set_read_only(at, "off")


@contextmanager
def disk_full(at: Stage) -> Iterator[None]:
    with at.postgres.connect("insitechat") as database:
        database.execute(DISK_FULL)
    yield


@contextmanager
def redis_away(at: Stage) -> Iterator[None]:
    at.valkey.stop()
    yield
    at.valkey.start()


@contextmanager
def worker_away(at: Stage) -> Iterator[None]:
    if at.worker is None:
        raise DrillFailed("no worker runs")
    at.worker.stop()
    manage(at.environment, "shell", "-c", SEND_MAILS)
    with at.postgres.connect("insitechat") as database:
        database.execute(WAIT_FOR_LONG)
    yield


@contextmanager
def mails_refused(at: Stage) -> Iterator[None]:
    manage(at.environment, "shell", "-c", SEND_MAILS)
    yield


@contextmanager
def provider_away(at: Stage) -> Iterator[None]:
    at.provider.socket.close()
    yield


@contextmanager
def provider_slow(at: Stage) -> Iterator[None]:
    """Have the provider take its time, and more chats wait for it than may."""
    at.provider.seconds = 20.0
    account = at.population.accounts[0]
    call = chat("ask", account, account.asking, question(1), answer_to(1))
    with sending(at, call, threads=24, pause_seconds=0.5):
        yield


@contextmanager
def processes_killed(at: Stage) -> Iterator[None]:
    for _ in range(6):
        at.instances[0].children()[0].kill()
        threading.Event().wait(2.0)
    yield


@contextmanager
def service_away(at: Stage) -> Iterator[None]:
    at.instances[0].process.send_signal(signal.SIGTERM)
    yield


@contextmanager
def keys_tried(at: Stage) -> Iterator[None]:
    headers = {"Authorization": "Bearer x"}
    call = Call("garbage", "GET", "/api/v1/chatbots", headers, lambda answer: True)
    with sending(at, call, threads=1, pause_seconds=0.005):
        yield


@contextmanager
def sending(at: Stage, call: Call, *, threads: int, pause_seconds: float) -> Iterator[None]:
    """Send a call again and again, from so many threads."""
    stopped = threading.Event()

    def send(number: int) -> None:
        client = Client(at.ports, number)
        while not stopped.wait(pause_seconds):
            client.send(call)
        client.close()

    senders = [threading.Thread(target=send, args=[number]) for number in range(threads)]
    for sender in senders:
        sender.start()
    yield
    stopped.set()
    for sender in senders:
        sender.join()


FEW_THREADS = {"WEB_THREADS": "32", "DATABASE_CONNECTIONS": "16", "PROVIDER_TIMEOUT_SECONDS": "30"}
FAULTS = [
    Fault("none", lambda _: nullcontext(), frozenset()),
    Fault(
        "database-frozen",
        database_frozen,
        frozenset({"DatabaseLost", "DatabasePoolExhausted", "ServerErrors", "QuotaNotGivenBack"}),
    ),
    Fault(
        "table-locked",
        table_locked,
        frozenset({"DatabaseLost", "SlowAnswers"}),
    ),
    Fault(
        "database-slow",
        database_slow,
        frozenset({"DatabaseSlow"}),
    ),
    Fault(
        "database-read-only", database_read_only, frozenset({"DatabaseReadOnly", "UsageNotWritten"})
    ),
    Fault("disk-full", disk_full, frozenset({"DatabaseFull"})),
    Fault("redis-away", redis_away, frozenset({"RedisLost"})),
    Fault("worker-away", worker_away, frozenset({"WorkerGone", "JobsLate"})),
    Fault(
        "mails-refused",
        mails_refused,
        frozenset({"JobsFailing", "MailsWaiting"}),
        {"EMAIL_URL": "smtp://127.0.0.1:1"},
    ),
    Fault("provider-away", provider_away, frozenset({"ProviderFailing"})),
    Fault("provider-slow", provider_slow, frozenset({"TooManyChatsWaiting"}), FEW_THREADS),
    Fault("processes-killed", processes_killed, frozenset({"ServiceRestarting"})),
    Fault("service-away", service_away, frozenset({"ServiceDown"})),
    Fault("keys-tried", keys_tried, frozenset({"ManyRefusals"})),
]


class Prometheus(Child):
    """Prometheus with the project's rules, in a hurry: what is to last minutes lasts 2 seconds."""

    def __init__(self, folder: Path, web: int, worker: int) -> None:
        self.port = free_port()
        rules = (MONITORING / "alerts.yml").read_text()
        (folder / "alerts.yml").write_text(re.sub(r"for: \w+", "for: 2s", rules))
        (folder / "prometheus.yml").write_text(configuration(web, worker))
        command = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        super().__init__("prometheus", command, {}, folder)

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire; none while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/alerts") as answer:
                alerts = json.load(answer)["data"]["alerts"]
        except OSError:
            return set()
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def configuration(web: int, worker: int) -> str:
    targets = {"insitechat-web": web, "insitechat-worker": worker}
    jobs = "".join(
        f"  - job_name: {name}\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        for name, port in targets.items()
    )
    return (
        "global: {scrape_interval: 5s, scrape_timeout: 5s, evaluation_interval: 1s}\n"
        f"rule_files: [alerts.yml]\nscrape_configs:\n{jobs}"
    )


def fires(fault: Fault, template: Template) -> str:
    """Cause a fault under load and return what fired. Raises DrillFailed if that is not enough."""
    web, worker = free_port(), free_port()
    with ExitStack() as stack:
        at = stack.enter_context(stage(template, {**fault.options, "METRICS_PORT": str(worker)}))
        at.add_instance(METRICS_PORT=str(web))
        jobs = at.add_worker()
        wait_until(lambda: "worker started" in jobs.said(), READY_WITHIN_SECONDS, jobs.said)
        prometheus = Prometheus(at.folder, web, worker)
        stack.enter_context(running(prometheus))
        load = Load(at.population, at.ports)
        load.start()
        stack.callback(load.stop)
        threading.Event().wait(HEALTHY_SECONDS)
        before = prometheus.firing()
        if unexpected := before - OF_A_BUSY_MACHINE:
            raise DrillFailed(f"fires without a fault: {', '.join(sorted(unexpected))}")
        with fault.cause(at):
            wait_until(
                lambda: fault.alerts <= prometheus.firing(),
                FIRE_WITHIN_SECONDS,
                lambda: f"only {sorted(prometheus.firing())} fire; {prometheus.said(3)}",
            )
            return told(prometheus.firing(), before)


def told(firing: set[str], before: set[str]) -> str:
    said = ", ".join(sorted(firing - before)) or "nothing"
    return f"{said} (before: {', '.join(sorted(before))})" if before else said


def main() -> None:
    parser = ArgumentParser(prog="make alerts", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[fault.name for fault in FAULTS])
    only = parser.parse_args().only
    if not shutil.which("prometheus"):
        sys.exit("Prometheus is not installed (on Debian: apt-get install prometheus).")
    failed = False
    with tempfile.TemporaryDirectory(prefix="insitechat-alerts-") as folder:
        Path(folder).chmod(0o711)
        template = Template(Path(folder), bursts=0)
        for fault in FAULTS:
            if only and fault.name not in only:
                continue
            try:
                print(f"{fault.name:20} {fires(fault, template)}", flush=True)
            except DrillFailed as error:
                failed = True
                print(f"{fault.name:20} FAILED: {error}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
