"""Redis, gone or not itself."""

import re
import signal
import time

import httpx2
import redis

from drills.drill import LIMIT, Drill
from drills.population import PASSWORD
from drills.processes import DrillFailed
from drills.stage import PROCESSES, Stage

OUTAGE_SECONDS = 5.0
SIGN_IN_SLOWER_SECONDS = 1.0


def away(at: Stage) -> None:
    at.valkey.stop()
    time.sleep(OUTAGE_SECONDS)
    at.valkey.start()


def frozen(at: Stage) -> None:
    """Freeze it, and have people sign in before and meanwhile."""
    process = at.valkey.process
    if process is None:
        raise DrillFailed("Redis does not run")
    port, people = at.instances[0].port, [account.email for account in at.population.accounts]
    before = max(seconds_to_sign_in(port, email) for email in people[:2])
    process.send_signal(signal.SIGSTOP)
    try:
        meanwhile = max(seconds_to_sign_in(port, email) for email in people[2:5])
        time.sleep(OUTAGE_SECONDS)
    finally:
        process.send_signal(signal.SIGCONT)
    at.notes.append(f"a sign-in took {before:.1f} s before, {meanwhile:.1f} s meanwhile")
    if meanwhile > before + SIGN_IN_SLOWER_SECONDS:
        raise DrillFailed(at.notes[-1])


def seconds_to_sign_in(port: int, email: str) -> float:
    base = f"http://127.0.0.1:{port}"
    with httpx2.Client(base_url=base, timeout=60, trust_env=False) as browser:
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', browser.get("/sign-in/").text)
        form = {
            "login": email,
            "password": PASSWORD,
            "csrfmiddlewaretoken": token[1] if token else "",
        }
        began = time.monotonic()
        response = browser.post("/sign-in/", data=form)
        if response.status_code != 302:
            raise DrillFailed(f"a sign-in was answered {response.status_code}")
        return time.monotonic() - began


def killed(at: Stage) -> None:
    if at.valkey.process is not None:
        at.valkey.process.kill()
        at.valkey.process.wait()
    at.valkey.start()


def full(at: Stage) -> None:
    with redis.Redis(unix_socket_path=str(at.valkey.socket)) as client:
        client.config_set("maxmemory", 1)
        time.sleep(OUTAGE_SECONDS)
        client.config_set("maxmemory", 0)


def read_only(at: Stage) -> None:
    with redis.Redis(unix_socket_path=str(at.valkey.socket)) as client:
        client.replicaof("127.0.0.1", "1")
        time.sleep(OUTAGE_SECONDS)
        client.replicaof("NO", "ONE")


BY_THEMSELVES = PROCESSES * LIMIT
DRILLS = [
    Drill("redis-away", "Redis gone for 5 s", away, admitted_max=BY_THEMSELVES),
    Drill("redis-frozen", "Redis frozen for some 8 s", frozen, admitted_max=BY_THEMSELVES),
    Drill("redis-killed", "Redis killed, its data lost", killed, admitted_max=BY_THEMSELVES),
    Drill("redis-full", "Redis full for 5 s", full, admitted_max=BY_THEMSELVES),
    Drill("redis-read-only", "Redis read-only for 5 s", read_only, admitted_max=BY_THEMSELVES),
]
