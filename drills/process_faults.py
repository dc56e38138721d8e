"""The service's own processes, killed; and the provider, gone."""

import time

from drills.drill import Drill
from drills.processes import DrillFailed
from drills.stage import Stage


def web_process_killed(at: Stage) -> None:
    for _ in range(3):
        at.instances[0].children()[0].kill()
        time.sleep(2.0)


def web_killed(at: Stage) -> None:
    """Kill gunicorn's master; its supervisor starts another on the same port at once."""
    instance = at.instances[0]
    orphans = instance.children()
    instance.kill()
    instance.start()
    instance.wait_until_ready()
    time.sleep(1.0)
    left = [orphan for orphan in orphans if orphan.is_running()]
    if left:
        raise DrillFailed(f"{len(left)} processes outlive their master")


def worker_killed(at: Stage) -> None:
    if at.worker is None:
        raise DrillFailed("no worker runs")
    at.worker.kill()
    time.sleep(2.0)
    at.worker.start()


def provider_slow(at: Stage) -> None:
    at.provider.seconds = 2 * float(at.environment["PROVIDER_TIMEOUT_SECONDS"])
    time.sleep(10.0)
    at.provider.seconds = 0.3


DRILLS = [
    Drill(
        "web-process-killed",
        "a web process killed, three times",
        web_process_killed,
        may_be_unanswered=True,
    ),
    Drill("web-killed", "gunicorn's master killed", web_killed, may_be_unanswered=True),
    Drill("worker-killed", "the worker killed", worker_killed),
    Drill(
        "provider-slow",
        "the provider too slow for 10 s",
        provider_slow,
        may_be_unavailable=True,
    ),
]
