"""How a question's passages are scored, and when they are taken to say nothing about it. Pure.

The weights were found by measuring: docs/answers.md has the method and the results. They are one
sum for all chatbots; what it adds up are cosines and shares, each from 0 to 1.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """Of a chunk: what is added up, each from 0 to 1.

    The mean of its cosine and its best window's; BM25 as a share of what the question could reach,
    and the share of the question's terms that the chunk has; whether it has an identifier of the
    question; the cosine of its heading, if that is a question.
    """

    meaning: float = 0.75
    bm25: float = 0.1675
    coverage: float = 0.0825
    identifier: float = 0.40
    heading: float = 0.20


WEIGHTS = Weights()
# Of the best chunks: how much more their best sentence says.
SENTENCE = 0.25
RESCORED = 20
# How many chunks are compared by their windows too, not as wholes only.
COMPARED = 100
# Okapi BM25 with its customary parameters (Robertson and Zaragoza, 2009).
K1 = 1.2
B = 0.75

# The confidence that something is known about the question, as the logarithm of its odds: by the
# cosine of the best sentence to the question and to what is left of it without frequent terms, by
# the share of it that stands nowhere, and by whether a chunk has one of its identifiers.
CONFIDENCE = {"closeness": 1.5, "focused": 10.1, "unknown": -2, "identifier": 1}
INTERCEPT = -5.05
# Below this cosine of the best sentence it falls steeply; it rises where a sentence all but repeats
# the question, and with what the best chunk's score is ahead of the fifth's.
FAINT, FAINT_PENALTY = 0.36, 12
SAME, SAME_GAIN = 0.75, 15
LEAD, USUAL_LEAD = 7, 0.1
THRESHOLD = -0.5
# The confidence in nothing at all.
NOTHING = INTERCEPT + CONFIDENCE["unknown"]
# Without vectors: half of the question's weight has to stand in one chunk.
WORDS_ONLY, WORDS_ONLY_INTERCEPT = 8.0, -4.36
TRUSTED = 5
# Terms in more of the chunks than this are left out of the focused question, such as a product's
# name; in a small chatbot only if they are in so many.
FREQUENT_SHARE = 0.12
FREQUENT_AT_LEAST = 10
# From so many chunks on the focused question counts in full, and so does that a word is absent: in
# a small chatbot a frequent term is what it is all about, and most words are absent.
FOCUSING_CHUNKS, TELLING_CHUNKS = 60, 150


@dataclass(frozen=True, slots=True)
class TermWeights:
    """The question's terms with their inverse document frequencies in the chatbot."""

    frequencies: Mapping[str, int]  # in how many chunks each term stands
    weights: Mapping[str, float]
    chunks: int

    @property
    def unknown(self) -> float:
        """Return the share of the question's weight that terms have which stand nowhere."""
        return self.coverage({term for term in self.weights if not self.frequencies.get(term)})

    def coverage(self, terms: Set[str]) -> float:
        """Return the share of the question's weight that these terms have."""
        total = sum(self.weights.values())
        known = sum(weight for term, weight in self.weights.items() if term in terms)
        return known / total if total else 0.0

    @property
    def frequent(self) -> set[str]:
        floor = max(FREQUENT_SHARE * self.chunks, FREQUENT_AT_LEAST)
        return {term for term, number in self.frequencies.items() if number > floor}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that may answer, as the first step scores it."""

    chunk_id: int
    score: float
    meaning: float
    coverage: float
    identifier: float  # 1 if it has an identifier of the question, no frequent one
    heading: float  # the cosine of its heading, 0 if that asks nothing


@dataclass(frozen=True, slots=True)
class Closeness:
    """How close a chunk's sentences are to the question, and runs of one to three that begin there.

    `focused` is the closeness of a sentence to the question without its frequent terms.
    """

    runs: Sequence[tuple[float, ...]]
    focused: Sequence[float]

    @property
    def best(self) -> float:
        return max((run[0] for run in self.runs), default=0.0)


UNKNOWN = Closeness((), ())


@dataclass(frozen=True, slots=True)
class Scored:
    candidate: Candidate
    closeness: Closeness
    score: float


def rescored(candidates: Iterable[Candidate], closeness: Mapping[int, Closeness]) -> list[Scored]:
    """Return the candidates in the order of their final scores."""
    scored = []
    for candidate in candidates:
        close = closeness.get(candidate.chunk_id, UNKNOWN)
        gain = SENTENCE * (close.best - candidate.meaning) if close.runs else 0.0
        scored.append(Scored(candidate, close, candidate.score + gain))
    return sorted(scored, key=lambda each: -each.score)


def confidence(best: Sequence[Scored], weights: TermWeights) -> float:
    """Return how confident one may be that the best passages are about the question."""
    trusted = best[:TRUSTED]
    if not any(each.closeness.runs for each in trusted):
        coverage = max((each.candidate.coverage for each in trusted), default=0.0)
        return WORDS_ONLY_INTERCEPT + WORDS_ONLY * coverage
    closeness = max(each.closeness.best for each in trusted)
    focused = max(max(each.closeness.focused, default=0.0) for each in trusted)
    focusing = min(weights.chunks / FOCUSING_CHUNKS, 1)
    signals = {
        "closeness": closeness,
        "focused": focusing * focused + (1 - focusing) * closeness,
        "unknown": min(weights.chunks / TELLING_CHUNKS, 1) * weights.unknown,
        "identifier": max(each.candidate.identifier for each in trusted),
    }
    lead = trusted[0].score - trusted[-1].score if len(trusted) > 1 else USUAL_LEAD
    return (
        INTERCEPT
        + sum(CONFIDENCE[name] * value for name, value in signals.items())
        - FAINT_PENALTY * max(FAINT - closeness, 0)
        + SAME_GAIN * max(closeness - SAME, 0)
        + LEAD * (lead - USUAL_LEAD)
    )
