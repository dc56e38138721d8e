from hypothesis import given
from hypothesis import strategies as st

from chatbots.relevance import Question

WORDS = st.sampled_from(["parcel", "refund", "norway", "ship", "day"])


def test_a_word_that_no_document_has_weighs_most() -> None:
    question = Question.weigh(["common", "rare", "absent"], {"common": 9, "rare": 1}, 10)
    weights = question.weights
    assert weights["common"] < weights["rare"] < weights["absent"]


def test_fillers_weigh_nothing_beside_telling_words() -> None:
    assert set(Question.weigh(["pleas", "tell", "refund"], {}, 1).weights) == {"refund"}


def test_a_question_of_fillers_alone_keeps_them() -> None:
    assert set(Question.weigh(["tell", "pleas"], {}, 1).weights) == {"tell", "pleas"}


def test_a_question_without_words_is_covered_by_nothing() -> None:
    assert Question.weigh([], {}, 5).coverage({"refund"}) == 0


@given(asked=st.sets(WORDS, min_size=1), there=st.sets(WORDS), more=st.sets(WORDS))
def test_coverage_is_a_share_that_grows_with_the_words(
    asked: set[str], there: set[str], more: set[str]
) -> None:
    question = Question.weigh(asked, {}, 3)
    assert 0 <= question.coverage(there) <= question.coverage(there | more) <= 1
    assert question.coverage(asked) == 1


def test_bm25_prefers_more_hits_and_shorter_documents() -> None:
    question = Question.weigh(["refund"], {"refund": 2}, 10)
    assert question.bm25({"refund": 2}, 50, 50) > question.bm25({"refund": 1}, 50, 50)
    assert question.bm25({"refund": 1}, 20, 50) > question.bm25({"refund": 1}, 90, 50)
    assert question.bm25({}, 50, 50) == 0
