"""What a drill is, how it runs, and what has to hold in each."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from drills.load import Load, Outcome, Verdict
from drills.processes import DrillFailed
from drills.stage import NotRun, Stage, Template, stage
from insitechat.operations.paths import PROJECT

LIMIT = 60
STEADY_SECONDS = 3.0
QUIET_SECONDS = 2.5
# A machine that is busy with other things makes everything slow.
FREE_ANSWER_SECONDS = 1.5
UNAVAILABLE_SECONDS = 3.0
# A drill alone keeps some two processors busy.
BUSY_LOAD = 2.5


@dataclass(frozen=True, slots=True)
class Drill:
    """A fault, and what is promised while it lasts: without more said, that nobody notices."""

    name: str
    fault: str
    # Causes the fault and ends it.
    cause: Callable[[Stage], None]
    may_be_unavailable: bool = False
    may_be_unanswered: bool = False
    admitted_max: int = LIMIT
    recovers_within_seconds: float = 10.0
    # Nothing is promised of times where the machine is busy with other things too.
    is_busy: bool = False
    prepare: Callable[[Stage], None] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    # The size of a disk of its own for data and logs; none where it is 0.
    disk_megabytes: int = 0
    # A program that the drill needs, and cannot do without.
    needs: str = ""


class Charges(NamedTuple):
    """Messages that are counted, and answers that are stored."""

    counted: int
    stored: int


@dataclass(slots=True)
class Result:
    """What came of a drill."""

    drill: Drill
    outcomes: list[Outcome]
    cleared_at: float
    charges: Charges
    notes: list[str]
    failures: list[str] = field(default_factory=list)

    def count(self, verdict: Verdict) -> int:
        return sum(outcome.verdict is verdict for outcome in self.outcomes)

    @property
    def admitted(self) -> int:
        """The most calls of the exhausted key that were admitted within one window for certain."""
        admitted = [o for o in self.outcomes if o.call.kind == "exhaust" and o.status == 200]
        return max(
            (
                sum(
                    o.sent_at >= first.sent_at and o.ended_at <= first.sent_at + 60
                    for o in admitted
                )
                for first in admitted
            ),
            default=0,
        )

    @property
    def seconds_to_recover(self) -> float:
        bad = [o.ended_at for o in self.outcomes if o.verdict is not Verdict.GOOD]
        return max(max(bad, default=0.0) - self.cleared_at, 0.0)

    @property
    def slowest_free(self) -> float:
        free = [o.seconds for o in self.outcomes if not o.call.needs_engines]
        return max((s for s in free), default=0.0)

    @property
    def slowest_unavailable(self) -> float:
        unavailable = [
            o.seconds
            for o in self.outcomes
            if o.verdict is Verdict.UNAVAILABLE and not o.call.asks_provider
        ]
        return max(unavailable, default=0.0)


def run(drill: Drill, template: Template) -> Result:
    """Put the load on, cause the fault, let the service recover, judge. Raises DrillFailed."""
    if drill.needs and shutil.which(drill.needs) is None:
        raise NotRun(f"needs {drill.needs}")
    with stage(template, drill.options, drill.disk_megabytes) as at:
        (drill.prepare or prepare)(at)
        load = Load(at.population, at.ports)
        load.start()
        try:
            time.sleep(STEADY_SECONDS)
            drill.cause(at)
            cleared_at = time.monotonic()
            let_recover(load, cleared_at, drill.recovers_within_seconds)
        finally:
            load.stop()
        result = Result(drill, load.outcomes, cleared_at, charges(at), at.notes)
        result.failures = failures(result)
        if result.failures:
            result.failures.append(at.logs())
        return result


def prepare(at: Stage) -> None:
    at.add_instance()
    at.add_worker()


def let_recover(load: Load, cleared_at: float, seconds: float) -> None:
    """Return after a quiet while without anything but good answers, or when time is up."""
    deadline = cleared_at + seconds + QUIET_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.1)
        last_bad = max(
            (o.ended_at for o in list(load.outcomes) if o.verdict is not Verdict.GOOD), default=0.0
        )
        if time.monotonic() - max(last_bad, cleared_at) >= QUIET_SECONDS:
            return


GIVE_BACK = """
import django; django.setup()
from django.utils import timezone
from chatbots.jobs import give_back_unanswered_messages
from chatbots.models import Reservation
Reservation.objects.update(expires_at=timezone.now())
give_back_unanswered_messages()
"""
CHARGES = """
    SELECT
        (SELECT coalesce(sum(used), 0) FROM chatbots_messageusage),
        (SELECT count(*) FROM chatbots_message WHERE role = 'assistant')
"""


def charges(at: Stage) -> Charges:
    """Let the reservations of killed processes expire, and compare."""
    subprocess.run(
        [sys.executable, "-c", GIVE_BACK],
        cwd=PROJECT,
        env=os.environ | at.environment,
        capture_output=True,
        check=False,
    )
    with at.postgres.connect("insitechat") as database:
        row = database.execute(CHARGES).fetchone()
    if row is None:
        raise DrillFailed("the charges cannot be read")
    return Charges(*row)


def failures(result: Result) -> list[str]:
    """Say what was promised and did not hold."""
    drill = result.drill
    zero = [(Verdict.WRONG, "wrong answers"), (Verdict.ERROR, "5xx other than 503")]
    if not drill.may_be_unavailable:
        zero.append((Verdict.UNAVAILABLE, "503s"))
    if not drill.may_be_unanswered:
        zero.append((Verdict.UNANSWERED, "requests without an answer"))
    broken = [
        f"{result.count(verdict)} {what}, the first: {first(result, verdict)}"
        for verdict, what in zero
        if result.count(verdict)
    ]
    bounds = [
        (result.admitted, drill.admitted_max, "calls admitted"),
        (result.seconds_to_recover, drill.recovers_within_seconds, "seconds to recover"),
        (result.slowest_free, FREE_ANSWER_SECONDS, "seconds for what needs no engine"),
        (result.slowest_unavailable, UNAVAILABLE_SECONDS, "seconds until a 503"),
    ]
    if drill.is_busy or is_machine_busy():
        result.notes.append("the machine is busy: times are not judged")
        bounds = bounds[:1]
    broken += [f"{value:g} {what} of {most:g}" for value, most, what in bounds if value > most]
    if result.charges.counted != result.charges.stored:
        broken.append(f"{result.charges.counted} charges, {result.charges.stored} answers")
    return broken


def is_machine_busy() -> bool:
    """Say whether others compete for the processors, so that times tell nothing of the service."""
    return os.getloadavg()[0] > BUSY_LOAD * (os.cpu_count() or 1)


def first(result: Result, verdict: Verdict) -> str:
    outcome = next(o for o in result.outcomes if o.verdict is verdict)
    return f"{outcome.call.kind} {outcome.status} {outcome.seen!r}"
