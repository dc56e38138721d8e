"""Grouping questions that mean the same."""

from chatbots.embedding.minilm import MiniLM
from chatbots.grouping import Wording, count_wordings, group_by_meaning

ASKED = [
    *("Do you have gift cards?", "do you have  gift cards", "Is a gift card available?"),
    *("How do I get a refund?", "Can I get my money back?", "When are you open?"),
]


def test_the_same_words_are_counted_together() -> None:
    assert count_wordings(ASKED)[0] == Wording("Do you have gift cards?", 2)
    assert len(count_wordings(ASKED)) == 5


def test_questions_are_grouped_by_what_they_mean() -> None:
    wordings = count_wordings(ASKED)
    groups = group_by_meaning(wordings, MiniLM().embed_documents([text for text, _ in wordings]))
    assert [(group.question, group.number) for group in groups] == [
        ("Do you have gift cards?", 3),
        ("How do I get a refund?", 2),
        ("When are you open?", 1),
    ]


def test_without_vectors_each_wording_is_a_group() -> None:
    groups = group_by_meaning(count_wordings(ASKED), None)
    assert [group.number for group in groups] == [2, 1, 1, 1, 1]
    assert group_by_meaning([], None) == []
