"""The table of results."""

from collections.abc import Sequence

from drills.drill import Result
from drills.load import Verdict

HEADINGS = (
    "fault",
    "requests",
    "wrong",
    "5xx",
    "503",
    "unanswered",
    "recovered in",
    "60 were",
    "slowest free",
    "charges",
    "",
)


def row(result: Result) -> tuple[str, ...]:
    counted, stored = result.charges
    return (
        result.drill.fault,
        str(len(result.outcomes)),
        *(
            str(result.count(verdict))
            for verdict in (
                Verdict.WRONG,
                Verdict.ERROR,
                Verdict.UNAVAILABLE,
                Verdict.UNANSWERED,
            )
        ),
        f"{result.seconds_to_recover:.1f} s",
        str(result.admitted),
        f"{result.slowest_free:.2f} s",
        str(counted) if counted == stored else f"{counted} of {stored}",
        "FAILED" if result.failures else "ok",
    )


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return the rows under their headings, numbers to the right."""
    lines = [HEADINGS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
