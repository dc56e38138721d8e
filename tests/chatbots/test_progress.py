"""How progress is told in words."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from chatbots.progress import Progress, Task


def task(**changes: Any) -> Task:
    """Return a task that has read 40 pages in 80 seconds and learnt 12 of them in 60."""
    usual: dict[str, Any] = {
        "chatbot_id": uuid.uuid4(),
        "source_id": uuid.uuid4(),
        "status": "processing",
        "is_cancelled": False,
        "found": 40,
        "unread": 0,
        "unlearnt": 28,
        "newly_learnt": 12,
        "passages": 0,
        "passages_learnt": 0,
        "seconds": 140.0,
        "seconds_learning": 60.0,
    }
    return Task(**(usual | changes))


READING = {"status": "crawling", "unread": 30, "unlearnt": 10, "newly_learnt": 0, "seconds": 20.0}
FILE = {"found": 1, "unlearnt": 1, "newly_learnt": 0, "passages": 400, "passages_learnt": 100}
LONG = {"passages": 80_000, "passages_learnt": 1_000}
WAITING = {"status": "pending", "found": 0, "unlearnt": 0, "newly_learnt": 0}


@pytest.mark.parametrize(
    ("tasks", "words", "percent"),
    [
        ([{}], "Learning: 12 of 40 pages, about 2 min left", 30),
        ([READING], "Reading: 10 of 40 pages, about 1 min left", 25),
        ([READING | {"unread": 3}], "Reading: 37 of 40 pages, less than a minute left", 92),
        ([READING | {"unread": 38}], "Reading: 2 of 40 pages", 5),
        ([FILE], "Learning: 100 of 400 passages, about 3 min left", 25),
        ([FILE | LONG], "Learning: 1,000 of 80,000 passages, about 1 h left", 1),
        ([{"found": 1, "unread": 1, "unlearnt": 0, "newly_learnt": 0}], "Reading", None),
        ([{"found": 0, "unlearnt": 0, "newly_learnt": 0}], "Learning", None),  # a long text
        ([{"is_cancelled": True}], "Cancelling: 12 of 40 pages", 30),
        ([WAITING], "Waiting for a worker", None),
        ([WAITING, WAITING], "Waiting for a worker; 1 more source waits", None),
        ([{}, WAITING], "Learning: 12 of 40 pages; 1 more source waits", 30),
        ([{}, WAITING, WAITING], "Learning: 12 of 40 pages; 2 more sources wait", 30),
        ([{}, READING], "Reading: 22 of 80 pages, about 2 min left", 27),
        ([{}, READING | {"unread": 38}], "Reading: 14 of 80 pages", 17),
        # Pages that had not changed were confirmed while reading, and say nothing of the speed.
        ([{"newly_learnt": 3, "unlearnt": 9}], "Learning: 31 of 40 pages, about 3 min left", 77),
    ],
)
def test_it_is_told_in_words(
    tasks: Sequence[dict[str, Any]], words: str, percent: int | None
) -> None:
    progress = Progress.of([task(**changes) for changes in tasks])
    assert progress.in_words == words
    assert progress.percent == percent
