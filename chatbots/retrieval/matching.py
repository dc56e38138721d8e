"""How all chunks of a chatbot match a question, by meaning and by words, as arrays. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from chatbots.retrieval.scoring import COMPARED, K1, RESCORED, B, Candidate, TermWeights, Weights

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Chunks:
    """A chatbot's chunks beside a question: arrays of one length, by ascending id."""

    ids: npt.NDArray[np.int64]
    whole: Numbers  # cosines, 0 without vectors
    heading: Numbers  # cosines, 0 of those whose heading asks nothing
    mean_length: float  # in terms

    @classmethod
    def of(
        cls,
        mean_length: float | None,
        ids: bytes,
        whole: bytes,
        heading_ids: bytes,
        headings: bytes,
    ) -> Self:
        """Return the chunks out of numbers as PostgreSQL's send functions write them."""
        chunk_ids = np.frombuffer(ids, ">i8").astype(np.int64)
        order = np.argsort(chunk_ids, kind="stable")
        chunk_ids = chunk_ids[order]
        heading = np.zeros(len(chunk_ids))
        asking = np.searchsorted(chunk_ids, np.frombuffer(heading_ids, ">i8"))
        heading[asking] = np.frombuffer(headings, ">f4")
        cosines = np.frombuffer(whole, ">f4").astype(np.float64)[order]
        return cls(chunk_ids, cosines, heading, max(mean_length or 0.0, 1.0))

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Where a term stands: the chunks' places in `Chunks`, how often, and the chunks' lengths."""

    places: Places
    frequencies: Numbers
    lengths: Numbers  # in terms


def occurrences(
    chunks: Chunks, numbers: Mapping[str, int], ids: bytes, frequencies: bytes, lengths: bytes
) -> dict[str, Occurrences]:
    """Return each term's occurrences; of all, so many belong to the first term, and so on.

    Those in other chunks are left out: former versions could leave postings without a chunk.
    """
    chunk_ids = np.frombuffer(ids, ">i8")
    places = np.searchsorted(chunks.ids, chunk_ids)
    is_known = np.searchsorted(chunks.ids, chunk_ids, side="right") > places
    times = np.frombuffer(frequencies, ">i2").astype(np.float64)
    sizes = np.frombuffer(lengths, ">i2").astype(np.float64)
    found = {}
    start = 0
    for term, number in numbers.items():
        own = slice(start, start := start + number)
        known = is_known[own]
        found[term] = Occurrences(places[own][known], times[own][known], sizes[own][known])
    return found


def weigh_terms(found: Mapping[str, Occurrences], chunks: int) -> TermWeights:
    """Return the terms' inverse document frequencies, as Okapi BM25 defines them."""
    frequencies = {term: len(where.places) for term, where in found.items()}
    return TermWeights(
        frequencies=frequencies,
        weights={
            term: math.log(1 + (chunks - number + 0.5) / (number + 0.5))
            for term, number in frequencies.items()
        },
        chunks=chunks,
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """The best chunks by all but their windows, best first: arrays of one length."""

    ids: list[int]
    whole: Numbers
    heading: Numbers
    coverage: Numbers
    identifier: Numbers
    beside_meaning: Numbers


def compare(
    chunks: Chunks, found: Mapping[str, Occurrences], terms: TermWeights, weights: Weights
) -> Compared:
    """Score all chunks, and return the COMPARED best; of equal ones, those with the lower id."""
    bm25, coverage, identifier = match_words(chunks, found, terms)
    beside_meaning = (
        weights.bm25 * bm25
        + weights.coverage * coverage
        + weights.identifier * identifier
        + weights.heading * chunks.heading
    )
    best = highest(weights.meaning * chunks.whole + beside_meaning, COMPARED)
    return Compared(
        chunks.ids[best].tolist(),
        chunks.whole[best],
        chunks.heading[best],
        coverage[best],
        identifier[best],
        beside_meaning[best],
    )


def highest(scores: Numbers, number: int) -> Places:
    """Return the places of the highest scores, highest first; of equal ones the first are taken."""
    if len(scores) <= number:
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, -number)[-number]
    reaching = np.flatnonzero(scores >= least)
    return reaching[np.argsort(-scores[reaching], kind="stable")][:number]


def match_words(
    chunks: Chunks, found: Mapping[str, Occurrences], terms: TermWeights
) -> tuple[Numbers, Numbers, Numbers]:
    """Return each chunk's BM25 and coverage, from 0 to 1, and 1 if it has an identifier.

    An identifier that is frequent is a name, as of a product, and counts as a word only.
    """
    bm25, coverage, identifier = (np.zeros(len(chunks)) for _ in range(3))
    if not len(chunks) or not found:
        return bm25, coverage, identifier
    total = sum(terms.weights.values())
    names = terms.frequent
    for term, where in found.items():
        weight = terms.weights[term] / total
        saturation = K1 * (1 - B + B * where.lengths / chunks.mean_length)
        share = where.frequencies / (where.frequencies + saturation)
        bm25[where.places] += weight * share  # a term stands in a chunk once
        coverage[where.places] += weight
        if term.startswith("=") and term not in names:
            identifier[where.places] = 1.0
    return bm25, coverage, identifier


def with_windows(
    compared: Compared, windows: Mapping[int, float], weights: Weights
) -> list[Candidate]:
    """Return the RESCORED best, by the mean of a chunk's cosine and its best window's as well.

    A chunk without windows was replaced since; it keeps its place until it cannot be loaded.
    """
    nearest = [
        windows.get(chunk_id, whole)
        for chunk_id, whole in zip(compared.ids, compared.whole.tolist(), strict=True)
    ]
    meaning = (compared.whole + np.array(nearest)) / 2
    score = weights.meaning * meaning + compared.beside_meaning
    best = np.lexsort((np.array(compared.ids), -score))[:RESCORED]
    columns = (score, meaning, compared.coverage, compared.identifier, compared.heading)
    return [
        Candidate(compared.ids[place], *(column[place].item() for column in columns))
        for place in best.tolist()
    ]
