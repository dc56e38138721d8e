"""The disk of the data and the logs, full."""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from drills.drill import Drill
from drills.load import Call, Client, Verdict, bearer, chat, observe
from drills.population import ANSWER, QUESTION, Account
from drills.processes import DrillFailed, wait_until
from drills.stage import Stage
from insitechat.operations.local.engines import ROLE

OUTAGE_SECONDS = 5.0
RESTARTED_WITHIN_SECONDS = 30.0
DISK_MEGABYTES = 400
WRITERS = 6
# More than have room in what PostgreSQL's files have already.
CHATS_MAX = 600
# More than fit on the disk, 16 MB each.
SEGMENTS_MAX = DISK_MEGABYTES // 16
NEXT_SEGMENT = "SELECT pg_logical_emit_message(true, 'drill', 'x'), pg_switch_wal()"


def full(at: Stage) -> None:
    """Fill the disk to its last byte, have chats meet its end, and free it again."""
    filler = at.folder / "filler"
    fill(filler)
    until = time.monotonic() + OUTAGE_SECONDS
    counts = chat_until_refused(at)
    list_all(at)
    time.sleep(max(until - time.monotonic(), 0))
    filler.unlink()
    start_again(at)
    at.notes.append(f"chats of the drill's own: {counts.total()}, of which 503: {counts[503]}")
    if not counts[503]:
        raise DrillFailed("PostgreSQL did not need more of the disk")


def full_for_wal(at: Stage) -> None:
    """Fill the disk, and have PostgreSQL need another segment of its log, which ends it."""
    filler = at.folder / "filler"
    fill(filler)
    try:
        with at.postgres.connect(ROLE) as database:
            for _ in range(SEGMENTS_MAX):
                database.execute(NEXT_SEGMENT)
    except psycopg.Error as error:
        at.notes.append(f"PostgreSQL: {str(error).splitlines()[0]}")
    else:
        raise DrillFailed("PostgreSQL did not need more of the disk")
    time.sleep(OUTAGE_SECONDS)
    filler.unlink()
    start_again(at)


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as output:
        for block in (1 << 20, 1 << 12, 1):
            while write(output.fileno(), block):
                pass


def write(descriptor: int, size: int) -> bool:
    try:
        return os.write(descriptor, b"\0" * size) == size
    except OSError:
        return False


def chat_until_refused(at: Stage) -> Counter[int]:
    """Send chats until each writer has seen a 503; return how often which status came."""
    accounts = at.population.accounts

    def send(number: int) -> Counter[int]:
        statuses = Counter[int]()
        client = Client(at.ports, number)
        for turn in range(CHATS_MAX // WRITERS):
            account = accounts[(turn * WRITERS + number) % len(accounts)]
            statuses[status_of(client, quote(account))] += 1
            if statuses[503]:
                break
        client.close()
        return statuses

    with ThreadPoolExecutor(WRITERS) as writers:
        return sum(writers.map(send, range(WRITERS)), Counter[int]())


def quote(account: Account) -> Call:
    return chat("quote", account, account.quoting, QUESTION, ANSWER)


def list_all(at: Stage) -> None:
    """Ask for what needs no room. Raises DrillFailed where it is not answered."""
    client = Client(at.ports, 0)
    for account in at.population.accounts[:20]:
        path = f"/api/v1/chatbots/{account.quoting}"
        call = Call("get", "GET", path, bearer(account.key), lambda answer: answer.status == 200)
        if (status := status_of(client, call)) != 200:
            raise DrillFailed(f"what only reads was answered {status}")
    client.close()


def status_of(client: Client, call: Call) -> int:
    """Return the status of an answer. Raises DrillFailed where it is neither right nor a 503."""
    outcome = observe(client, call)
    if outcome.verdict not in {Verdict.GOOD, Verdict.UNAVAILABLE}:
        raise DrillFailed(f"{call.kind}: {outcome.verdict.value}, {outcome.seen}")
    return outcome.status


def start_again(at: Stage) -> None:
    """Start PostgreSQL if it has ended; return once it answers."""

    def answers() -> bool:
        process = at.postgres.process
        if process is not None and process.poll() is not None:
            at.notes.append("PostgreSQL ended because of it, and was started again")
            at.postgres.start()
        try:
            at.postgres.ping()
        except psycopg.OperationalError:
            return False
        return True

    wait_until(answers, RESTARTED_WITHIN_SECONDS, at.postgres.last_log_lines)


DRILLS = [
    Drill(
        "disk-full",
        "the disk of data and logs full for 5 s",
        full,
        may_be_unavailable=True,
        disk_megabytes=DISK_MEGABYTES,
    ),
    Drill(
        "disk-full-wal",
        "that, and no room for PostgreSQL's log",
        full_for_wal,
        may_be_unavailable=True,
        disk_megabytes=DISK_MEGABYTES,
    ),
]
