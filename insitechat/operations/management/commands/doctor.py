"""Say what is wrong with this installation, and what to do."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from insitechat.operations.doctor import EXAMINATIONS


class Command(BaseCommand):
    help = (
        "Examine the running installation: its settings, PostgreSQL, Redis, the worker, the mail "
        "server and the public address. Says in words what is wrong and what to do about it; fails "
        "unless there are warnings at most."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for subject, examine in EXAMINATIONS.items():
            findings = list(examine())
            if not findings:
                self.stdout.write(f"ok       {subject}")
            for finding in findings:
                mark = "warning" if finding.is_warning else "wrong  "
                self.stdout.write(
                    f"{mark}  {subject}: {finding.problem}\n         → {finding.advice}"
                )
            wrong += sum(not finding.is_warning for finding in findings)
        if wrong:
            raise CommandError(f"{wrong} thing(s) have to be put right.")
