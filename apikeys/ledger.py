"""Values that are collected in memory beside requests and written together."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Generic, TypeVar

from django.db import DataError, IntegrityError

from core.metrics import Counter

logger = logging.getLogger(__name__)

# Three full ledgers take 13 MB of a process.
MAX_KEYS = 20_000
ROWS_PER_STATEMENT = 1000
# The row itself is wrong: trying it again is of no use.
ROW_ERRORS = (DataError, IntegrityError, TypeError, ValueError)

WRITE_FAILURES = Counter(
    "insitechat_usage_write_failures_total",
    "Attempts to write usage of API keys that failed; it is kept in memory.",
)
DROPPED = Counter(
    "insitechat_usage_dropped_total", "Values of usage that were dropped because memory was full."
)

Key = TypeVar("Key")
Value = TypeVar("Value")


class Ledger(Generic[Key, Value]):
    """Collects values by key until they are written; what cannot be written yet stays in it.

    It holds MAX_KEYS keys, and as many again while it writes; values of further keys are dropped
    and counted. A row that the database will never take is dropped, the rows beside it are written.
    The log has one line when writing begins to fail and one when it works again.
    """

    def __init__(
        self,
        name: str,
        merge: Callable[[Value, Value], Value],
        execute: Callable[[Mapping[Key, Value]], None],
    ) -> None:
        self.name = name
        self._merge = merge
        self._execute = execute
        self._entries: dict[Key, Value] = {}
        self._lock = Lock()
        self._dropped = 0
        self._is_failing = False

    def __len__(self) -> int:
        return len(self._entries)

    def note(self, key: Key, value: Value) -> None:
        with self._lock:
            known = self._entries.get(key)
            if known is not None:
                self._entries[key] = self._merge(known, value)
            elif len(self._entries) < MAX_KEYS:
                self._entries[key] = value
            else:
                self._dropped += 1
                DROPPED.inc()

    def write(self) -> None:
        """Write what has been noted since the last time; raises no Exception."""
        with self._lock:
            entries, self._entries = self._entries, {}
        if not entries:
            return
        unwritten = deque(batches(list(entries.items()), ROWS_PER_STATEMENT))
        wrong_rows: list[Exception] = []
        try:
            while unwritten:
                self._write_first(unwritten, wrong_rows)
        except Exception as error:  # noqa: BLE001 (none of them may cost the values)
            self._keep(unwritten)
            self._report_failure(error)
        else:
            self._report_success()
        if wrong_rows:
            logger.error(
                "%s rows of the %s of API keys are dropped; the last: %s",
                *(len(wrong_rows), self.name, wrong_rows[-1]),
            )

    def discard(self) -> None:
        """Forget what has not been written."""
        with self._lock:
            self._entries = {}

    def _write_first(
        self, unwritten: deque[list[tuple[Key, Value]]], wrong_rows: list[Exception]
    ) -> None:
        """Write the first batch and remove it; one with a wrong row is halved until that is alone.

        A batch that fails for any other reason stays where it is; the exception is raised.
        """
        batch = unwritten[0]
        try:
            self._execute(dict(batch))
        except ROW_ERRORS as error:
            if len(batch) > 1:
                unwritten.extend(batches(batch, -(-len(batch) // 2)))
            else:
                wrong_rows.append(error)
        unwritten.popleft()

    def _keep(self, unwritten: deque[list[tuple[Key, Value]]]) -> None:
        for batch in unwritten:
            for key, value in batch:
                self.note(key, value)

    def _report_failure(self, error: Exception) -> None:
        WRITE_FAILURES.inc()
        if not self._is_failing:
            self._is_failing = True
            logger.warning(
                "the %s of API keys are kept in memory, those of %s keys at most: %s",
                *(self.name, MAX_KEYS, error),
            )

    def _report_success(self) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if self._is_failing or dropped:
            self._is_failing = False
            logger.warning("the %s of API keys are written; %s were dropped", self.name, dropped)


def batches(entries: list[tuple[Key, Value]], size: int) -> list[list[tuple[Key, Value]]]:
    return [entries[at : at + size] for at in range(0, len(entries), size)]
