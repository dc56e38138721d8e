"""Grouping questions that mean the same. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from chatbots.embedding.base import Vectors

# The cosine from which on two questions are taken for the same. With all-MiniLM-L6-v2, “How do I
# get a refund?” and “Can I get my money back?” have 0.64, unrelated questions of a shop up to 0.55.
SAME_MEANING = 0.62


class Wording(NamedTuple):
    """A question as it was asked, and how often."""

    text: str
    number: int


class Group(NamedTuple):
    """Questions that mean the same, the most frequent one first."""

    wordings: Sequence[Wording]

    @property
    def question(self) -> str:
        return self.wordings[0].text

    @property
    def number(self) -> int:
        return sum(wording.number for wording in self.wordings)


def count_wordings(questions: Iterable[str]) -> list[Wording]:
    """Count the questions that differ in more than case, spaces and marks at their end."""
    shown: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for question in questions:
        text = " ".join(question.split())
        key = text.casefold().rstrip("?!. ")
        shown.setdefault(key, text)
        counts[key] += 1
    return [Wording(shown[key], number) for key, number in counts.most_common()]


def group_by_meaning(wordings: Sequence[Wording], vectors: Vectors | None) -> list[Group]:
    """Put each question, the most frequent first, to the group whose first question is closest.

    A question that is close to none begins a group, and without vectors each does. The largest
    groups come first.
    """
    members: list[list[Wording]] = []
    leaders: list[int] = []
    for position, wording in enumerate(wordings):
        home = closest(vectors, leaders, position)
        if home is None:
            leaders.append(position)
            members.append([wording])
        else:
            members[home].append(wording)
    groups = [Group(tuple(group)) for group in members]
    return sorted(groups, key=lambda group: -group.number)


def closest(vectors: Vectors | None, leaders: Sequence[int], position: int) -> int | None:
    if vectors is None or not leaders:
        return None
    cosines = vectors[list(leaders)] @ vectors[position]
    best = int(np.argmax(cosines))
    return best if cosines[best] >= SAME_MEANING else None
