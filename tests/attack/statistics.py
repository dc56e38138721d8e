"""What times tell: percentiles, and a test whether two samples are of one kind."""

import math
from collections.abc import Sequence
from itertools import groupby


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def rank_test(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p-value of the Mann-Whitney U test, by its normal approximation."""
    tagged = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    rank_sum, position = 0.0, 0
    for _, ties in groupby(tagged, key=lambda pair: pair[0]):
        samples = [sample for _, sample in ties]
        rank = position + (len(samples) + 1) / 2
        rank_sum += rank * samples.count(0)
        position += len(samples)
    m, n = len(first), len(second)
    u = rank_sum - m * (m + 1) / 2
    deviation = math.sqrt(m * n * (m + n + 1) / 12)
    return math.erfc(abs(u - m * n / 2) / deviation / math.sqrt(2))
