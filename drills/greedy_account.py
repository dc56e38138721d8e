"""One account that sends many slow calls at once, and a stranger's list beside them."""

import json
import statistics
import time

from drills.bursts import busy_loops
from drills.clients import Clients, Seen, running
from drills.drill import Drill, is_machine_busy
from drills.population import Greedy
from drills.processes import DrillFailed
from drills.provider import question
from drills.stage import Stage

ROUNDS = 3
ROUND_SECONDS = 2.0
# How long the account is at it before the stranger's list is measured.
LEAD_SECONDS = 1.0
P99_RATIO_MAX = 3.0
THREADS = 100
PROVIDER_SECONDS = 2.0


def greedy_account(at: Stage) -> None:
    """Measure the list beside other programs that use every processor, and beside slow calls."""
    at.provider.seconds = PROVIDER_SECONDS
    ratios = {}
    for name, requests in slow_calls(at.population.greedy).items():
        alone, busy, beside, statuses = [], [], [], set()
        for _ in range(ROUNDS):
            alone.append(listed(at, "nothing"))
            with busy_loops():
                busy.append(listed(at, "busy loops"))
            seconds = LEAD_SECONDS + ROUND_SECONDS
            clients = Clients(at.instances[0].port, requests, THREADS, seconds)
            with running(clients):
                time.sleep(LEAD_SECONDS)
                beside.append(listed(at, name))
                statuses |= set(clients.wait().statuses)
        ratios[name] = median_p99(beside) / median_p99(busy)
        at.notes.append(
            f"a stranger's list took {median_p99(beside):.1f} ms at p99 beside {THREADS} {name}, "
            f"{median_p99(busy):.1f} beside busy loops ({ratios[name]:.1f} x), "
            f"{median_p99(alone):.1f} alone"
        )
        if not statuses <= {200, 503}:
            raise DrillFailed("\n  ".join([*at.notes, f"{name} were answered {sorted(statuses)}"]))
    at.provider.seconds = 0.3
    if max(ratios.values()) > P99_RATIO_MAX and not is_machine_busy():
        raise DrillFailed("\n  ".join(at.notes))


def median_p99(rounds: list[Seen]) -> float:
    return statistics.median(seen.p99 for seen in rounds)


def listed(at: Stage, beside: str) -> Seen:
    """Have the stranger list its chatbots for a round. Raises DrillFailed if it is refused."""
    request = get("/api/v1/chatbots", f"Authorization: Bearer {at.population.stranger_key}")
    with running(Clients(at.instances[0].port, [request], 1, ROUND_SECONDS)) as clients:
        seen = clients.wait()
    if set(seen.statuses) != {200}:
        raise DrillFailed(f"a stranger's list was answered {dict(seen.statuses)} beside {beside}")
    return seen


def slow_calls(greedy: Greedy) -> dict[str, list[str]]:
    """Return requests of each kind."""
    key = f"Authorization: Bearer {greedy.account.key}"
    session = f"Cookie: sessionid={greedy.account.session}"
    asking = f"/api/v1/chatbots/{greedy.account.asking}"
    quoting = f"/api/v1/chatbots/{greedy.account.quoting}"
    pages = f"/dashboard/chatbots/{greedy.account.quoting}/"
    long_question = " ".join(f"{word}{number}" for number in range(300) for word in ("ship", "b"))
    return {
        "chats": [chat(asking, key, question(number)) for number in range(50)],
        "long questions": [chat(quoting, key, long_question)],
        "lists": [get(f"{quoting}/sources", key)],
        "pages": [get(f"{pages}{page}", session) for page in greedy.pages],
    }


def get(path: str, field: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{field}\r\n\r\n"


def chat(path: str, field: str, message: str) -> str:
    body = json.dumps({"message": message})
    return (
        f"POST {path}/chat HTTP/1.1\r\nHost: 127.0.0.1\r\n{field}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


DRILLS = [
    Drill(
        "greedy-account",
        "one account with slow calls",
        greedy_account,
        options={"WEB_CONCURRENCY": "1"},
        may_be_unavailable=True,
        is_busy=True,
    )
]
