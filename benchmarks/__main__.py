"""`make bench`, `make bench-scale` and `make bench-pages`."""

import os
import secrets
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.engines import Engines, running_engines
from benchmarks.servers import CORES, can_pin
from benchmarks.wrk import BenchmarkFailed
from insitechat.operations.proof import Inconclusive


def main() -> None:
    arguments = read_arguments()
    try:
        core = pin() if arguments.what == "table" else None
        with running_engines() as engines, project(engines):
            match arguments.what:
                case "scale":
                    scale(engines, arguments)
                case "pages":
                    pages()
                case _:
                    compare(engines, arguments, core)
    except (BenchmarkFailed, Inconclusive) as error:
        sys.exit(f"\n{error}")


def read_arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", choices=["table", "scale", "pages"], nargs="?", default="table")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2, help="length of a round")
    parser.add_argument(
        "--ten-million", action="store_true", help="scale: measure with 10^7 keys too"
    )
    parser.add_argument("--only", help="scale: measure only the curve of this name")
    return parser.parse_args()


def pin() -> int | None:
    """Set one core aside for the servers; processes started later inherit the others."""
    if not can_pin():
        print("Nothing is pinned, which would need taskset and two cores. Expect more noise.")
        return None
    core = min(CORES)
    os.sched_setaffinity(0, CORES - {core})
    print(f"Servers run on core {core}, the load and the engines on the others.", flush=True)
    return core


@contextmanager
def project(engines: Engines) -> Iterator[None]:
    """Set our own project up on the engines, for this process and those it starts."""
    os.environ.update(
        DATABASE_URL=engines.postgres.url,
        REDIS_URL=engines.valkey.url,
        SECRET_KEY=secrets.token_urlsafe(64),
        PUBLIC_URL="http://127.0.0.1",
        DJANGO_SETTINGS_MODULE="insitechat.settings",
    )
    import django

    django.setup()
    from django.db import connections

    try:
        yield
    finally:
        connections.close_all()


def compare(engines: Engines, arguments: Namespace, core: int | None) -> None:
    # These import models, which is possible only once Django is set up.
    from benchmarks import accounts_and_keys, exactness, footprint, limiter, report, rounds
    from benchmarks.contenders import contenders

    with tempfile.TemporaryDirectory() as folder:
        fields = accounts_and_keys.create(engines, Path(folder))
        rows = contenders(engines, fields)
        results = rounds.measure(
            engines, rows, rounds=arguments.rounds, seconds=arguments.seconds, core=core
        )
        print(f"\n{report.table(rows, results)}\n")
        decision, ping, ratio = limiter.measure(engines)
        print(f"limiter decision {report.spread(decision)} µs, PING {report.spread(ping)} µs\n")
        for target in report.targets(results, ratio):
            print(target)
        print(f"\n{report.exactness(rows, exactness.prove_all(rows, fields))}\n")
        print(footprint.report(rows[0].project), flush=True)


def scale(engines: Engines, arguments: Namespace) -> None:
    from benchmarks import accounts_and_keys
    from benchmarks.scale import curves

    with tempfile.TemporaryDirectory() as folder:
        fields = accounts_and_keys.create(engines, Path(folder))
        for name, curve in curves(engines, fields, ten_million=arguments.ten_million).items():
            if arguments.only in {None, name}:
                print(f"\n{name}", flush=True)
                for line in curve():
                    print(f"  {line}", flush=True)


def pages() -> None:
    from benchmarks.pages import measure

    for line in measure():
        print(line, flush=True)


if __name__ == "__main__":
    main()
