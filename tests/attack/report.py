"""What an attack tried and what came of it."""

from dataclasses import dataclass, field


@dataclass
class Result:
    """An attack's cases, and what should not have happened in them."""

    name: str
    cases: int = 0
    accepted: list[str] = field(default_factory=list)  # what should have been refused
    errors: list[str] = field(default_factory=list)  # answers of 500 and above, or none
    findings: list[str] = field(default_factory=list)  # anything else that should not be
    note: str = ""  # figures, where there are some

    @property
    def is_good(self) -> bool:
        return not (self.accepted or self.errors or self.findings)

    def judge(self, case: str, status: int, *, is_expected: bool) -> None:
        """Count a case that was answered with this status."""
        self.cases += 1
        if status >= 500:
            self.errors.append(f"{case}: {status}")
        elif not is_expected:
            self.accepted.append(f"{case}: {status}")


def table(results: list[Result]) -> str:
    rows: list[tuple[str, ...]] = [("attack", "cases", "wrongly accepted", "5xx", "finding")]
    for result in results:
        finding = f"{len(result.findings)} findings" if result.findings else result.note or "none"
        counts = (result.cases, len(result.accepted), len(result.errors))
        rows.append((result.name, *(f"{count:,}" for count in counts), finding))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 0 < number < 4 else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def details(results: list[Result], most: int = 10) -> str:
    """Return the first cases of each kind that went wrong."""
    lines = []
    for result in results:
        for what, cases in (
            ("wrongly accepted", result.accepted),
            ("error", result.errors),
            ("finding", result.findings),
        ):
            lines += [f"{result.name}: {what}: {case}" for case in cases[:most]]
            if len(cases) > most:
                lines.append(f"{result.name}: {what}: {len(cases) - most:,} more")
    return "\n".join(lines)
