"""Results as tables in Markdown. Pure."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median, quantiles

from benchmarks.answers.measure import Outcome

WITHIN = 5


def share(outcomes: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> str:
    return f"{sum(map(holds, outcomes)) / len(outcomes):.2f}"


def found(places: Iterable[int | None]) -> str:
    """Return hit@1, hit@5 and the mean reciprocal rank."""
    ranks = [place if place is not None and place <= WITHIN else None for place in places]
    first = sum(place == 1 for place in ranks) / len(ranks)
    within = sum(place is not None for place in ranks) / len(ranks)
    reciprocal = sum(1 / place for place in ranks if place) / len(ranks)
    return f"{first:.2f} {within:.2f} {reciprocal:.2f}"


def answerable(name: str, outcomes: Sequence[Outcome]) -> str:
    cells = [
        name,
        str(len(outcomes)),
        found(outcome.by_words for outcome in outcomes),
        found(outcome.by_meaning for outcome in outcomes),
        found(outcome.by_both for outcome in outcomes),
        share(outcomes, lambda outcome: outcome.is_right),
        share(outcomes, lambda outcome: outcome.answer is not None and not outcome.is_right),
        share(outcomes, lambda outcome: outcome.answer is None),
    ]
    return f"| {' | '.join(cells)} |"


def unanswerable(name: str, outcomes: Sequence[Outcome]) -> str:
    return f"| {name} | {len(outcomes)} | {share(outcomes, lambda each: each.answer is None)} |"


def tables(results: dict[str, list[Outcome]]) -> str:
    """Return both tables, and what a question took."""
    known = {name: each for name, each in results.items() if each[0].question.section}
    strange = {name: each for name, each in results.items() if name not in known}
    milliseconds = [outcome.milliseconds for each in results.values() for outcome in each]
    return "\n".join(
        [
            "| questions | n | words alone: hit@1, hit@5, MRR | meaning alone | both "
            "| rightly | wrongly | not |",
            "|---|---|---|---|---|---|---|---|",
            *(answerable(name, each) for name, each in known.items()),
            "",
            "| not to be answered | n | refused |",
            "|---|---|---|",
            *(unanswerable(name, each) for name, each in strange.items()),
            "",
            f"A question took {median(milliseconds):.0f} ms at the median, "
            f"{quantiles(milliseconds, n=20)[-1]:.0f} ms at the 95th percentile.",
        ]
    )
