"""`make bench` and `make bench-scale`."""

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
from insitechat.proof import CannotTell


def main() -> None:
    arguments = read_arguments()
    try:
        core = pin() if arguments.what == "table" else None
        with running_engines() as engines, project(engines):
            if arguments.what == "scale":
                scale(engines, arguments)
            else:
                compare(engines, arguments, core)
    except (BenchmarkFailed, CannotTell) as error:
        sys.exit(f"\n{error}")


def read_arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", choices=["table", "scale"], nargs="?", default="table")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2, help="of each contender's round")
    parser.add_argument("--ten-million", action="store_true", help="scale: 10^7 keys as well")
    parser.add_argument("--only", help="scale: one curve, by its name")
    return parser.parse_args()


def pin() -> int | None:
    """Leave a core to the server: all that this process starts later inherits the others."""
    if not can_pin():
        print("Nothing is pinned: that needs taskset and two cores. Expect more noise.")
        return None
    core = min(CORES)
    os.sched_setaffinity(0, CORES - {core})
    print(f"Servers run on core {core}, the load and the engines beside it.", flush=True)
    return core


@contextmanager
def project(engines: Engines) -> Iterator[None]:
    """Set our own Django up on the engines, here and for what is started later."""
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
    # Models may be imported only now that Django is set up.
    from benchmarks import accounts_and_keys, exactness, footprint, limiter, report, rounds
    from benchmarks.contenders import contenders

    with tempfile.TemporaryDirectory() as folder:
        fields = accounts_and_keys.make(engines, Path(folder))
        everybody = contenders(engines, fields)
        results = rounds.measure(
            engines, everybody, rounds=arguments.rounds, seconds=arguments.seconds, core=core
        )
        print(f"\n{report.table(everybody, results)}\n")
        script = limiter.measure(engines)
        print(f"limiter script {report.spread(script[0])} µs, PING {report.spread(script[1])} µs\n")
        for target in report.targets(results, script):
            print(target)
        print(f"\n{report.exactness(everybody, exactness.prove_all(everybody, fields))}\n")
        print(footprint.report(everybody[0].project), flush=True)


def scale(engines: Engines, arguments: Namespace) -> None:
    from benchmarks import accounts_and_keys
    from benchmarks.scale import curves

    with tempfile.TemporaryDirectory() as folder:
        fields = accounts_and_keys.make(engines, Path(folder))
        for name, curve in curves(engines, fields, ten_million=arguments.ten_million).items():
            if arguments.only in {None, name}:
                print(f"\n{name}", flush=True)
                for line in curve():
                    print(f"  {line}", flush=True)


if __name__ == "__main__":
    main()
