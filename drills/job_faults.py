"""The worker, killed in the middle of each kind of job."""

import os
import subprocess
import sys
import time
from typing import LiteralString

from drills.drill import Drill
from drills.processes import DrillFailed, wait_until
from drills.stage import Stage
from insitechat.operations.paths import PROJECT

# Longer than it takes to declare a worker dead and retry its jobs.
DONE_WITHIN_SECONDS = 90.0

# Enqueues one of each kind, and prints how many.
ENQUEUE = """
import django; django.setup()
from django.core.mail import send_mail
from procrastinate.contrib.django import app
from accounts.closing import close_account
from accounts.models import User
periodic = [entry.task for entry in app.periodic_registry.periodic_tasks.values()]
for task in periodic:
    task.configure(lock=f"drill {task.name}").defer(timestamp=0)
close_account(User.objects.create_user("leaving@example.org"))
send_mail("A drill", "Nothing happens.", None, ["somebody@example.org"])
print(len(periodic) + 2)
"""
TABLES = """
    SELECT string_agg(format('%I', relname), ', ') FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        AND relname NOT LIKE 'procrastinate%' AND relname <> 'django_migrations'
"""
COUNT = """
    SELECT count(*) FROM procrastinate_jobs
    WHERE status = ANY(%s::procrastinate_job_status[])
"""
# A periodic job that lost its worker fails where the next one of its kind waits already.
FAILED = """
    SELECT count(*) FROM procrastinate_jobs
    WHERE status = ANY(%s::procrastinate_job_status[])
        AND task_name NOT IN (SELECT task_name FROM procrastinate_periodic_defers)
"""
LEFT_OVER = """
    SELECT (SELECT count(*) FROM accounts_user WHERE closed_at IS NOT NULL)
        + (SELECT count(*) FROM core_queuedmail)
"""


def prepare(at: Stage) -> None:
    at.environment["WORKER_CONCURRENCY"] = "16"
    at.add_instance()


def kill_in_the_middle(at: Stage) -> None:
    """Let every job begin and wait for a table; kill the worker; let another do them all."""
    jobs = enqueue(at)
    with at.postgres.connect("insitechat") as database:
        with database.transaction():
            (tables,) = database.execute(TABLES).fetchone() or ("",)
            database.execute(f"LOCK TABLE {tables}")
            worker = at.add_worker()
            wait_until(lambda: count(at, "doing") >= jobs - 1, 40.0, worker.said)
            worker.kill()
        began = count(at, "doing")
        worker.start()
        wait_until(lambda: not count(at, "todo", "doing"), DONE_WITHIN_SECONDS, worker.said)
        (left,) = database.execute(LEFT_OVER).fetchone() or (0,)
    failed = count(at, "failed", "aborted", query=FAILED)
    at.notes.append(f"{began} jobs lost their worker; {failed} failed, {left} rows are left over")
    if failed or left:
        raise DrillFailed(at.notes[-1])
    time.sleep(1.0)


def enqueue(at: Stage) -> int:
    completed = subprocess.run(
        [sys.executable, "-c", ENQUEUE],
        cwd=PROJECT,
        env=os.environ | at.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode:
        raise DrillFailed(completed.stderr)
    return int(completed.stdout)


def count(at: Stage, *statuses: str, query: LiteralString = COUNT) -> int:
    with at.postgres.connect("insitechat") as database:
        row = database.execute(query, [list(statuses)]).fetchone()
    return int(row[0]) if row else 0


DRILLS = [
    Drill(
        "jobs-killed",
        "the worker killed within every kind of job",
        kill_in_the_middle,
        prepare=prepare,
        may_be_unavailable=True,
    )
]
