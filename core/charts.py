"""Charts drawn on the server, as the data of SVG shapes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

SPARK_WIDTH, SPARK_HEIGHT = 100, 24
CHART_HEIGHT = 100
# The largest value of an axis is one of these times a power of ten; each can be halved.
AXIS_STEPS = (2, 4, 6, 8, 10)


@dataclass(frozen=True)
class Sparkline:
    """A line without axes, such as the calls of the last 30 days; sparkline.html shows it."""

    label: str
    values: Sequence[float]

    @cached_property
    def line(self) -> str:
        highest = max(self.values, default=0) or 1
        step = SPARK_WIDTH / max(len(self.values) - 1, 1)
        points = (
            f"{position * step:.4g} {SPARK_HEIGHT - value * (SPARK_HEIGHT - 1) / highest:.4g}"
            for position, value in enumerate(self.values)
        )
        return "M" + "L".join(points)

    @property
    def is_flat(self) -> bool:
        return not any(self.values)

    @property
    def area(self) -> str:
        return f"{self.line}V{SPARK_HEIGHT}H0Z"


def daily_line(what: str, values: Sequence[int]) -> Sparkline:
    """Return a line of the last days, with a label that says its range."""
    ends = f"from {min(values):,} to {max(values):,}"
    return Sparkline(f"{what} on each of the last {len(values)} days: {ends}", values)


def axis_top(highest: int) -> int:
    """Return the round, even number at which an axis that shows `highest` ends."""
    scale = 1
    while highest > AXIS_STEPS[-1] * scale:
        scale *= 10
    return next(step * scale for step in AXIS_STEPS if step * scale >= highest)


def stacked_paths(columns: Sequence[Sequence[int]], top: int, layers: int) -> list[str]:
    """Stack the numbers of each column; return the bars of each layer as an SVG path.

    A bar is a vertical stroke at its column's x; `top` is CHART_HEIGHT high.
    """
    strokes: list[list[str]] = [[] for _ in range(layers)]
    for x, numbers in enumerate(columns):
        sums = accumulate(numbers, initial=0)
        ys = [round(CHART_HEIGHT - height * CHART_HEIGHT / top, 1) for height in sums]
        for layer, (bottom, upper) in enumerate(pairwise(ys)):
            if upper < bottom:
                strokes[layer].append(f"M{x} {bottom:g}V{upper:g}")
    return ["".join(layer) for layer in strokes]
