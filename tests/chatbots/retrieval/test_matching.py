"""How chunks match a question: BM25 by its definition, and the order of the best."""

import math
import struct
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbots.retrieval.matching import (
    Chunks,
    Compared,
    Occurrences,
    compare,
    highest,
    match_words,
    occurrences,
    weigh_terms,
    with_windows,
)
from chatbots.retrieval.scoring import (
    COMPARED,
    FREQUENT_AT_LEAST,
    K1,
    RESCORED,
    B,
    Candidate,
    Weights,
)

Texts = Mapping[int, Sequence[str]]
TEXTS: Texts = {
    11: ["ship", "ship", "oslo"],
    12: ["ship", "=lm-2042"],
    13: ["return", "day", "day", "day", "day"],
}
WORDS = Weights(meaning=0, heading=0)


def packed(kind: str, numbers: Sequence[float]) -> bytes:
    return struct.pack(f">{len(numbers)}{kind}", *numbers)


def chunks_of(texts: Texts, whole: Sequence[float] = (), heading: Sequence[float] = ()) -> Chunks:
    asking = {chunk_id: share for chunk_id, share in zip(texts, heading, strict=False) if share}
    return Chunks.of(
        sum(map(len, texts.values())) / len(texts) if texts else None,
        packed("q", list(texts)),
        packed("f", whole or [0.0] * len(texts)),
        packed("q", list(asking)),
        packed("f", list(asking.values())),
    )


def found_in(chunks: Chunks, texts: Texts, terms: Sequence[str]) -> dict[str, Occurrences]:
    postings = [[chunk_id for chunk_id, text in texts.items() if term in text] for term in terms]
    flat = [
        (chunk_id, texts[chunk_id].count(term), len(texts[chunk_id]))
        for term, of_term in zip(terms, postings, strict=True)
        for chunk_id in of_term
    ]
    return occurrences(
        chunks,
        dict(zip(terms, map(len, postings), strict=True)),
        packed("q", [chunk_id for chunk_id, _, _ in flat]),
        packed("h", [number for _, number, _ in flat]),
        packed("h", [length for _, _, length in flat]),
    )


def compared(
    texts: Texts,
    terms: Sequence[str],
    weights: Weights,
    whole: Sequence[float] = (),
    heading: Sequence[float] = (),
) -> Compared:
    chunks = chunks_of(texts, whole, heading)
    found = found_in(chunks, texts, terms)
    return compare(chunks, found, weigh_terms(found, len(chunks)), weights)


def bm25(texts: Texts, chunk_id: int, terms: Sequence[str]) -> float:
    """Return a chunk's BM25 by its definition, as a share of what the terms could reach."""
    mean = sum(len(text) for text in texts.values()) / len(texts)

    def idf(term: str) -> float:
        number = sum(term in text for text in texts.values())
        return math.log(1 + (len(texts) - number + 0.5) / (number + 0.5))

    def share(term: str) -> float:
        frequency = texts[chunk_id].count(term)
        return frequency / (frequency + K1 * (1 - B + B * len(texts[chunk_id]) / mean))

    return sum(idf(term) * share(term) for term in terms) / sum(idf(term) for term in terms)


@given(
    texts=st.dictionaries(
        st.integers(1, 2**62), st.lists(st.sampled_from("abcde"), min_size=1), min_size=1
    ),
    terms=st.lists(st.sampled_from("abcdefg"), min_size=1, unique=True),
)
def test_words_score_by_bm25(texts: Texts, terms: list[str]) -> None:
    chunks = chunks_of(texts)
    found = found_in(chunks, texts, terms)
    scores, coverage, _ = match_words(chunks, found, weigh_terms(found, len(chunks)))
    assert chunks.ids.tolist() == sorted(texts)
    assert scores.tolist() == pytest.approx([bm25(texts, each, terms) for each in sorted(texts)])
    assert all(0 <= share <= 1 + 1e-9 for share in coverage)


def test_coverage_is_the_share_of_the_questions_weight() -> None:
    best = compared(TEXTS, ["oslo", "ship"], WORDS)
    rare, frequent = math.log(1 + 2.5 / 1.5), math.log(1 + 1.5 / 2.5)
    assert dict(zip(best.ids, best.coverage.tolist(), strict=True)) == pytest.approx(
        {11: 1.0, 12: frequent / (rare + frequent), 13: 0.0}
    )


def test_an_identifier_counts_in_full() -> None:
    without = compared(TEXTS, ["=lm-2042"], Weights(identifier=0))
    best = compared(TEXTS, ["=lm-2042"], Weights(identifier=0.4))
    assert best.ids[0] == 12
    assert best.beside_meaning[0] - without.beside_meaning[0] == pytest.approx(0.4)


def test_an_identifier_that_is_frequent_is_a_name_and_counts_as_a_word_only() -> None:
    texts = {number: ["=mailtool"] for number in range(1, FREQUENT_AT_LEAST + 2)}
    assert not compared(texts, ["=mailtool"], Weights()).identifier.any()
    del texts[1]
    assert compared(texts, ["=mailtool"], Weights()).identifier.all()


def test_meaning_and_headings_are_weighed() -> None:
    weights = Weights(meaning=0.5, heading=0.25)
    best = compared(TEXTS, [], weights, whole=[0.5, 0.5, 0.75], heading=[0.25, 1.0, 0.0])
    assert best.ids == [12, 13, 11]
    assert best.whole.tolist() == [0.5, 0.75, 0.5]
    assert best.beside_meaning.tolist() == [0.25, 0.0, 0.0625]


def test_of_equal_chunks_the_older_come_first_and_only_so_many() -> None:
    texts = {number: ["word"] for number in range(COMPARED + 50, 0, -1)}
    assert compared(texts, ["word"], WORDS).ids == list(range(1, COMPARED + 1))


def test_postings_without_a_chunk_count_for_nothing() -> None:
    chunks = chunks_of(TEXTS)
    orphaned: Texts = {**TEXTS, 10: ["oslo"], 14: ["oslo"]}
    found = found_in(chunks, orphaned, ["oslo"])["oslo"]
    assert chunks.ids[found.places].tolist() == [11]
    assert (found.frequencies.tolist(), found.lengths.tolist()) == ([1], [3])


def test_terms_that_stand_nowhere_are_weighed_too() -> None:
    chunks = chunks_of(TEXTS)
    terms = weigh_terms(found_in(chunks, TEXTS, ["elephant", "ship"]), len(chunks))
    assert terms.frequencies == {"elephant": 0, "ship": 2}
    assert terms.unknown == pytest.approx(math.log(8) / (math.log(8) + math.log(1.6)))


def test_a_chatbot_without_chunks_and_a_question_without_terms_match_nothing() -> None:
    assert compared({}, ["ship"], WORDS).ids == []
    assert compared(TEXTS, [], WORDS).coverage.tolist() == [0, 0, 0]
    nothing = compared({}, [], WORDS)
    assert with_windows(nothing, {}, WORDS) == []


def test_the_best_window_counts_as_much_as_the_whole() -> None:
    best = compared(TEXTS, [], Weights(), whole=[0.5, 0.25, 0.75])
    candidates = with_windows(best, {11: 1.0, 12: 0.25}, Weights())
    assert [(each.chunk_id, each.meaning) for each in candidates] == [
        (11, 0.75),
        (13, 0.75),  # replaced since, and therefore without windows
        (12, 0.25),
    ]
    assert candidates[0] == Candidate(11, 0.75 * 0.75, 0.75, 0.0, 0.0, 0.0)


def test_so_many_candidates_are_left_the_older_of_equal_ones() -> None:
    texts = {number: ["word"] for number in range(1, RESCORED + 10)}
    candidates = with_windows(compared(texts, ["word"], WORDS), {}, WORDS)
    assert [each.chunk_id for each in candidates] == list(range(1, RESCORED + 1))


@given(st.lists(st.integers(0, 5)), st.integers(1, 8))
def test_the_highest_scores_are_the_first_of_all_in_order(scores: list[int], number: int) -> None:
    in_order = sorted(range(len(scores)), key=lambda place: -scores[place])
    assert highest(np.array(scores, dtype=float), number).tolist() == in_order[:number]
