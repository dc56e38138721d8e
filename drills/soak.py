"""A long steady load, in which nothing may grow."""

import time
from collections.abc import Callable

from drills.crowd import megabytes
from drills.drill import Drill
from drills.processes import DrillFailed
from drills.stage import Stage

GROWTH_MAX_MB = 10


def soak(seconds: float) -> Callable[[Stage], None]:
    """Return what watches the memory of the web processes for so long, after a third of it."""

    def watch(at: Stage) -> None:
        time.sleep(seconds / 3)
        before = max(megabytes(at))
        time.sleep(2 * seconds / 3)
        after = max(megabytes(at))
        at.notes.append(f"in {seconds:g} s: {before:.0f} MB, in the end {after:.0f} MB a process")
        if after - before > GROWTH_MAX_MB:
            raise DrillFailed(at.notes[-1])

    return watch


def drills(seconds: float) -> list[Drill]:
    return [Drill("soak", f"none, for {seconds:g} s", soak(seconds))]
