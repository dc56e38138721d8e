"""The report: the table of figures, and each target beside what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contenders import Contender
from benchmarks.rounds import Result, Spread, ratio
from insitechat.operations.proof import Figures


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and the bound that it has to reach, or must not exceed."""

    text: str
    measured: Spread
    bound: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        if self.at_least:
            return self.measured.median >= self.bound
        return self.measured.median <= self.bound

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        bound = f"{sign} {self.bound:g}"
        verdict = "met" if self.is_met else "MISSED"
        return f"{self.text:56} {bound:>8}  {spread(self.measured, 2):>24}  {verdict}"


def targets(results: Mapping[str, Result], decision_to_ping: Spread) -> Sequence[Target]:
    def throughput(name: str) -> list[float]:
        return [figures.per_second for figures in results[name].rounds]

    def cpu(name: str) -> list[float]:
        return [figures.cpu for figures in results[name].rounds]

    def p99(name: str) -> list[float]:
        return [figures.p99 for figures in results[name].rounds]

    ours = throughput("ours")
    gate = Spread.of(
        gated - ungated for gated, ungated in zip(cpu("ours"), cpu("ungated"), strict=True)
    )
    return [
        Target(
            "throughput, ours / (b) stock", ratio(ours, throughput("stock")), 1.25, at_least=True
        ),
        Target(
            "throughput, ours / (c) usual", ratio(ours, throughput("usual")), 3.5, at_least=True
        ),
        Target("throughput, ours / (d) REST", ratio(ours, throughput("rest")), 4.5, at_least=True),
        Target("p99, ours / (b) stock", ratio(p99("ours"), p99("stock")), 1.5),
        Target("the gate alone, CPU µs", gate, 170),
        Target("limiter decision / bare PING", decision_to_ping, 1.6),
        Target("CPU, 401 for garbage / (a) bare", ratio(cpu("garbage"), cpu("bare")), 1.3),
        Target(
            "statements and round trips of a 401 for garbage",
            Spread.of([results["garbage"].statements + results["garbage"].round_trips]),
            0,
        ),
        Target("CPU, 429 / 200", ratio(cpu("over_limit"), cpu("ours")), 0.5),
    ]


def table(contenders: Sequence[Contender], results: Mapping[str, Result]) -> str:
    header = (
        f"{'median (smallest to largest)':40} {'req/s':>20} {'p50 ms':>18} {'p99 ms':>20} "
        f"{'CPU µs':>20} {'SQL':>6} {'Redis':>6}"
    )
    rows = [header]
    for contender in contenders:
        result = results[contender.name]
        rows.append(
            f"{contender.title:40} {spread(result.per_second):>20} "
            f"{spread(result.p50, 1, 1000):>18} {spread(result.p99, 1, 1000):>20} "
            f"{spread(result.cpu):>20} {result.statements:6.2f} {result.round_trips:6.2f}"
        )
    return "\n".join(rows)


def exactness(contenders: Sequence[Contender], figures: Mapping[str, Figures]) -> str:
    titles = {contender.name: contender.title for contender in contenders}
    rows = [f"{'exactness':40} {'of 60':>8} {'of 5':>8} {'after revoke':>14} {'ms to refusal':>14}"]
    for name, counts in figures.items():
        rows.append(
            f"{titles[name]:40} {counts.admitted:8} {counts.keys:8} "
            f"{counts.accepted_after_revocation:14} {counts.milliseconds_to_refusal:14.0f}"
        )
    return "\n".join(rows)


def spread(values: Spread, digits: int = 0, unit: float = 1) -> str:
    median, smallest, largest = (
        f"{value / unit:.{digits}f}" for value in (values.median, values.smallest, values.largest)
    )
    return f"{median} ({smallest} to {largest})"
