"""Short interleaved rounds, so that drift of the machine affects all contenders alike."""

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
# How long the recorder takes to write what the warm-up left; counting starts after that.
RECORDED_WITHIN_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several rounds, with the smallest and the largest."""

    median: float
    smallest: float
    largest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])


@dataclass(frozen=True, slots=True)
class Round:
    """One contender's figures in one round; times in microseconds."""

    per_second: float
    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Result:
    """One contender's figures in all rounds, and the calls to the engines that a request makes."""

    rounds: Sequence[Round]
    statements: float
    round_trips: float

    @property
    def per_second(self) -> Spread:
        return Spread.of(figures.per_second for figures in self.rounds)

    @property
    def p50(self) -> Spread:
        return Spread.of(figures.p50 for figures in self.rounds)

    @property
    def p99(self) -> Spread:
        return Spread.of(figures.p99 for figures in self.rounds)

    @property
    def cpu(self) -> Spread:
        return Spread.of(figures.cpu for figures in self.rounds)


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Return the spread of the ratios in each round, from which drift between rounds cancels."""
    pairs = zip(numerators, denominators, strict=True)
    return Spread.of(numerator / denominator for numerator, denominator in pairs)


def measure(
    engines: Engines,
    contenders: Sequence[Contender],
    *,
    rounds: int,
    seconds: int,
    core: int | None,
) -> Mapping[str, Result]:
    """Serve all contenders side by side and measure them in turn, once in each round."""
    with ExitStack() as stack:
        projects = {id(contender.project): contender.project for contender in contenders}
        servers = {
            project_id: stack.enter_context(serving(project, core=core))
            for project_id, project in projects.items()
        }
        measured: dict[str, list[Round]] = {contender.name: [] for contender in contenders}
        engine_calls: dict[str, tuple[float, float]] = {}
        for contender in contenders:
            server = servers[id(contender.project)]
            fields = prepare_fields(contender, server, 0)
            wrk.check(fire(server, fields, WARM_UP_SECONDS), refused=contender.status != 200)
            time.sleep(RECORDED_WITHIN_SECONDS)
            engine_calls[contender.name] = count_engine_calls(engines, server, contender, fields)
        for number in range(1, rounds + 1):
            for contender in contenders:
                server = servers[id(contender.project)]
                fields = prepare_fields(contender, server, number)
                figures = measure_round(server, fields, seconds, contender.status)
                measured[contender.name].append(figures)
    return {name: Result(figures, *engine_calls[name]) for name, figures in measured.items()}


def prepare_fields(contender: Contender, server: Server, round_number: int) -> Path:
    """Return the file of header fields for the round; exhausts its key if the contender says so."""
    fields = contender.fields(round_number)
    if contender.exhausts_key:
        headers = header_fields(fields)[0]
        with closing(connect(server)) as client:
            while get(client, headers)[0] == 200:
                pass
    return fields


def measure_round(server: Server, fields: Path, seconds: int, status: int = 200) -> Round:
    before = server.cpu_seconds()
    load = fire(server, fields, seconds)
    cpu = server.cpu_seconds() - before
    wrk.check(load, refused=status != 200)
    return Round(load.per_second, load.p50, load.p99, cpu / load.requests * 1_000_000)


def fire(server: Server, fields: Path, seconds: int) -> Load:
    return wrk.fire(server.url, fields, seconds=seconds)


def count_engine_calls(
    engines: Engines, server: Server, contender: Contender, fields: Path
) -> tuple[float, float]:
    """Return how many statements and round trips to Redis a request takes on average.

    The background writes of once a second are included. Every answer is checked too.
    """
    headers = header_fields(fields)
    with closing(connect(server)) as client:
        check_answer(contender, get(client, headers[0]))
        with engines.counting() as counts:
            for number in range(COUNTED_CALLS):
                check_answer(contender, get(client, headers[number % len(headers)]))
    return counts.statements / COUNTED_CALLS, counts.round_trips / COUNTED_CALLS


def check_answer(contender: Contender, answer: tuple[int, bytes]) -> None:
    status, body = answer
    if status != contender.status:
        raise BenchmarkFailed(f"{contender.name} answered with {status}: {body[:500]!r}")
    if status == 200 and len(json.loads(body)) != CHATBOTS:
        raise BenchmarkFailed(f"{contender.name} answered with unexpected chatbots: {body[:500]!r}")


def connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)


def get(client: http.client.HTTPConnection, headers: Mapping[str, str]) -> tuple[int, bytes]:
    client.request("GET", PATH, headers=dict(headers))
    response = client.getresponse()
    return response.status, response.read()


def header_fields(file: Path) -> list[dict[str, str]]:
    """Parse a file of header fields as rotate.lua does."""
    lines = file.read_text().splitlines()
    return [dict([line.split(": ", 1)]) for line in lines] or [{}]
