"""When a question counts as known: what raises the confidence, and what does not."""

from collections.abc import Sequence

import pytest

from chatbots.retrieval.scoring import (
    THRESHOLD,
    TRUSTED,
    UNKNOWN,
    USUAL_LEAD,
    Candidate,
    Closeness,
    Scored,
    TermWeights,
    confidence,
)

MANY, FEW = 1000, 10  # chunks


def passages(
    closeness: float, focused: float, *, lead: float = USUAL_LEAD, identifier: float = 0.0
) -> list[Scored]:
    """Return passages of which the best is so close, and so far ahead of the last."""
    best = Closeness([(closeness,)], [focused])
    scores = [0.6, *[0.6 - lead] * (TRUSTED - 1)]
    return [
        Scored(Candidate(number, score, 0.5, 0.5, identifier, 0.0), best, score)
        for number, score in enumerate(scores)
    ]


def terms(*, known: int = 2, absent: int = 0, chunks: int = MANY) -> TermWeights:
    frequencies = {f"known{number}": 1 for number in range(known)}
    frequencies |= {f"absent{number}": 0 for number in range(absent)}
    return TermWeights(frequencies, dict.fromkeys(frequencies, 1.0), chunks)


def is_known(best: Sequence[Scored], weights: TermWeights) -> bool:
    return confidence(best, weights) >= THRESHOLD


def test_a_question_is_known_that_is_near_without_frequent_words_too() -> None:
    assert is_known(passages(0.6, 0.55), terms())


def test_naming_the_product_makes_no_question_known() -> None:
    assert not is_known(passages(0.7, 0.2), terms())


def test_in_a_small_chatbot_a_frequent_word_may_be_what_it_is_about() -> None:
    assert is_known(passages(0.7, 0.2), terms(chunks=FEW))


def test_a_sentence_that_repeats_the_question_makes_it_known() -> None:
    assert is_known(passages(0.97, 0.2), terms())


def test_a_question_is_not_known_that_nothing_is_near_to() -> None:
    assert not is_known(passages(0.3, 0.3), terms(chunks=FEW))


@pytest.mark.parametrize("chunks", [MANY, FEW])
def test_absent_words_count_against_a_question_and_less_in_a_small_chatbot(chunks: int) -> None:
    loss = confidence(passages(0.5, 0.5), terms(chunks=chunks)) - confidence(
        passages(0.5, 0.5), terms(known=1, absent=1, chunks=chunks)
    )
    assert loss == pytest.approx({MANY: 1.0, FEW: 1 / 15}[chunks])


def test_a_lead_and_an_identifier_count_for_a_question() -> None:
    usual = confidence(passages(0.5, 0.4), terms())
    assert confidence(passages(0.5, 0.4, lead=0.2), terms()) > usual
    assert confidence(passages(0.5, 0.4, identifier=1.0), terms()) > usual


def test_a_single_chunk_counts_as_much_ahead_as_is_usual() -> None:
    best = passages(0.5, 0.5)
    assert confidence(best[:1], terms()) == pytest.approx(confidence(best, terms()))


def test_without_vectors_half_of_the_question_has_to_stand_in_a_chunk() -> None:
    def known(coverage: float) -> bool:
        return is_known([Scored(Candidate(1, 0.5, 0, coverage, 0, 0), UNKNOWN, 0.5)], terms())

    assert (known(0.5), known(0.4)) == (True, False)


def test_nothing_is_known_where_nothing_was_found() -> None:
    assert not is_known([], terms())
