"""Short rounds, each contender in turn, so that drift of the machine hits all of them alike."""

import http.client
import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks import wrk
from benchmarks.contenders import Contender
from benchmarks.engines import Engines
from benchmarks.servers import PATH, Server, serving
from benchmarks.wrk import BenchmarkFailed, Load

COUNTED_CALLS = 200
WARM_UP_SECONDS = 1
CHATBOTS = 3
# What the warm-up has left to be written must not be counted.
RECORDED_WITHIN_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, between the smallest and the largest."""

    median: float
    smallest: float
    largest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])


@dataclass(frozen=True, slots=True)
class Round:
    """One contender's figures of one round; times in microseconds."""

    per_second: float
    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Result:
    """One contender's figures of all rounds, and what one request asks of the engines."""

    rounds: Sequence[Round]
    statements: float
    round_trips: float

    @property
    def per_second(self) -> Spread:
        return Spread.of(one.per_second for one in self.rounds)

    @property
    def p50(self) -> Spread:
        return Spread.of(one.p50 for one in self.rounds)

    @property
    def p99(self) -> Spread:
        return Spread.of(one.p99 for one in self.rounds)

    @property
    def cpu(self) -> Spread:
        return Spread.of(one.cpu for one in self.rounds)


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Return the spread of the ratios within each round: drift between rounds leaves them alone."""
    return Spread.of(one / other for one, other in zip(above, below, strict=True))


def measure(
    engines: Engines,
    contenders: Sequence[Contender],
    *,
    rounds: int,
    seconds: int,
    core: int | None,
) -> Mapping[str, Result]:
    """Serve all contenders side by side and measure one after the other, again and again."""
    with ExitStack() as stack:
        projects = {id(one.project): one.project for one in contenders}
        servers = {
            key: stack.enter_context(serving(project, core=core))
            for key, project in projects.items()
        }
        measured: dict[str, list[Round]] = {one.name: [] for one in contenders}
        counted: dict[str, tuple[float, float]] = {}
        for one in contenders:
            server = servers[id(one.project)]
            fields = prepared(one, server, 0)
            wrk.check(fire(server, fields, WARM_UP_SECONDS), refused=one.status != 200)
            time.sleep(RECORDED_WITHIN_SECONDS)
            counted[one.name] = count(engines, server, one, fields)
        for turn in range(1, rounds + 1):
            for one in contenders:
                server = servers[id(one.project)]
                measured[one.name].append(
                    play(server, prepared(one, server, turn), seconds, one.status)
                )
    return {name: Result(some, *counted[name]) for name, some in measured.items()}


def prepared(contender: Contender, server: Server, turn: int) -> Path:
    """Return the round's header fields, its key used up where that is what is measured."""
    fields = contender.fields(turn)
    if contender.uses_up:
        headers = header_fields(fields)[0]
        with closing(connection(server)) as client:
            while ask(client, headers)[0] == 200:
                pass
    return fields


def play(server: Server, fields: Path, seconds: int, status: int = 200) -> Round:
    before = server.cpu_seconds()
    load = fire(server, fields, seconds)
    cpu = server.cpu_seconds() - before
    wrk.check(load, refused=status != 200)
    return Round(load.per_second, load.p50, load.p99, cpu / load.requests * 1_000_000)


def fire(server: Server, fields: Path, seconds: int) -> Load:
    return wrk.fire(server.url, fields, seconds=seconds)


def count(
    engines: Engines, server: Server, contender: Contender, fields: Path
) -> tuple[float, float]:
    """Return the statements and the round trips to Redis of one request, on average.

    What is recorded beside requests once a second is in it. Checks the answers, too.
    """
    headers = header_fields(fields)
    with closing(connection(server)) as client:
        check(contender, ask(client, headers[0]))
        with engines.counting() as counts:
            for number in range(COUNTED_CALLS):
                check(contender, ask(client, headers[number % len(headers)]))
    return counts.statements / COUNTED_CALLS, counts.round_trips / COUNTED_CALLS


def check(contender: Contender, answer: tuple[int, bytes]) -> None:
    status, body = answer
    if status != contender.status:
        raise BenchmarkFailed(f"{contender.name} answered {status}: {body[:500]!r}")
    if status == 200 and len(json.loads(body)) != CHATBOTS:
        raise BenchmarkFailed(f"{contender.name} answered other chatbots: {body[:500]!r}")


def connection(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)


def ask(client: http.client.HTTPConnection, headers: Mapping[str, str]) -> tuple[int, bytes]:
    client.request("GET", PATH, headers=dict(headers))
    response = client.getresponse()
    return response.status, response.read()


def header_fields(file: Path) -> list[dict[str, str]]:
    """Read a file of header fields as rotate.lua does."""
    lines = file.read_text().splitlines()
    return [dict([line.split(": ", 1)]) for line in lines] or [{}]
