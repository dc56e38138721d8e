"""`make drill`."""

import signal
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from drills import (
    bursts,
    crowd,
    disk_faults,
    greedy_account,
    instances,
    job_faults,
    postgres_faults,
    process_faults,
    redis_faults,
    redundancy,
    soak,
    training,
)
from drills.drill import Drill, run
from drills.processes import DrillFailed
from drills.report import row, table
from drills.stage import NotRun, Template
from insitechat.operations.local.engines import EngineError

KINDS = (
    redis_faults,
    postgres_faults,
    redundancy,
    disk_faults,
    process_faults,
    job_faults,
    instances,
    crowd,
    greedy_account,
    training,
    bursts,
)
DRILLS = [drill for kind in KINDS for drill in kind.DRILLS]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left behind
    arguments = read_arguments()
    drills = [*DRILLS, *soak.drills(arguments.soak)]
    chosen = [drill for drill in drills if not arguments.only or drill.name in arguments.only]
    with tempfile.TemporaryDirectory(prefix="insitechat-drill-") as folder:
        # PostgreSQL may run as another user, who has to pass through to its own private folder.
        Path(folder).chmod(0o711)
        template = Template(Path(folder), bursts=arguments.bursts)
        results = [carry_out(drill, template) for drill in chosen]
    print(f"\n{table([cells for cells, _ in results])}")
    sys.exit(not all(is_well for _, is_well in results))


def read_arguments() -> Namespace:
    parser = ArgumentParser(prog="make drill", description="Cause outages and count what they do.")
    parser.add_argument(
        "--only", nargs="+", choices=[*(drill.name for drill in DRILLS), "soak"], metavar="NAME"
    )
    parser.add_argument(
        "--soak", type=float, nargs="?", const=600.0, default=20.0, help="its length in seconds"
    )
    parser.add_argument("--bursts", type=int, default=20, help="how many of 500 connections")
    return parser.parse_args()


def carry_out(drill: Drill, template: Template) -> tuple[tuple[str, ...], bool]:
    """Run a drill, tell at once what did not hold, and return its row."""
    print(f"{drill.name} ...", flush=True)
    try:
        result = run(drill, template)
    except NotRun as reason:
        print(f"  {reason}", flush=True)
        return (drill.fault, *["-"] * 9, "not run"), True
    except (DrillFailed, EngineError) as error:
        print(f"  {error}", flush=True)
        return (drill.fault, *["-"] * 9, "FAILED"), False
    for line in [*result.notes, *result.failures]:
        print(f"  {line}", flush=True)
    return row(result), not result.failures


if __name__ == "__main__":
    main()
