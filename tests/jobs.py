"""Running jobs in a test itself, on its own connection, as a worker would."""

import json
from typing import cast

from asgiref.sync import async_to_sync
from django.core import mail
from django.core.mail import EmailMessage
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.jobs import Job, Status

from core.jobs import current_job, queue


def run_due_jobs() -> list[str]:
    """Run the jobs that are due, and those that these enqueue; return their names."""
    app.perform_import_paths()
    worker_id = async_to_sync(queue.register_worker)()
    names = []
    while job := async_to_sync(queue.fetch_job)(None, worker_id):
        # Django's connection leaves JSON to Django's fields.
        run_here(job.evolve(task_kwargs=json.loads(cast(str, job.task_kwargs))))
        names.append(job.task_name)
    async_to_sync(queue.unregister_worker)(worker_id)
    return names


def run_here(job: Job) -> None:
    task = app.tasks[job.task_name]
    context = JobContext(app=app, job=job, start_timestamp=0, abort_reason=lambda: None)
    token = current_job.set(context)
    status = Status.SUCCEEDED
    try:
        task(**job.task_kwargs)
    except Exception as error:  # noqa: BLE001 (as a worker does)
        if retry := task.get_retry_exception(error, job):
            return async_to_sync(queue.retry_job)(job, retry.retry_decision.retry_at)
        status = Status.FAILED
    finally:
        current_job.reset(token)
    return async_to_sync(queue.finish_job)(job, status, delete_job=False)


def delivered() -> list[EmailMessage]:
    """Have the mails delivered that wait; return all that were in this test."""
    run_due_jobs()
    return mail.outbox
