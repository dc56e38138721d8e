"""What a ledger keeps, drops and says when writing fails; no database is needed to see it."""

import logging
from collections.abc import Callable, Mapping
from operator import add

import pytest
from django.db import DataError, InternalError, OperationalError

from apikeys import ledger as ledger_module
from apikeys.ledger import Ledger

FAILURES = [OperationalError("gone"), InternalError("read-only"), RuntimeError(), OSError()]


class Table:
    """Takes what it is given, but for the rows that are named wrong."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.statements = 0
        self.wrong: set[str] = set()
        self.failure: Exception | None = None

    def execute(self, entries: Mapping[str, int]) -> None:
        self.statements += 1
        if self.failure:
            raise self.failure
        if self.wrong & entries.keys():
            raise DataError("out of range")
        for key, value in entries.items():
            self.rows[key] = self.rows.get(key, 0) + value


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def ledger(table: Table) -> Ledger[str, int]:
    return Ledger("calls", add, table.execute)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "apikeys")
    return lambda: [record.getMessage() for record in caplog.records]


def note_each(ledger: Ledger[str, int], keys: str) -> None:
    for key in keys:
        ledger.note(key, 1)


def test_values_of_one_key_are_merged(ledger: Ledger[str, int], table: Table) -> None:
    note_each(ledger, "aba")
    ledger.write()
    assert table.rows == {"a": 2, "b": 1}
    assert table.statements == 1


def test_nothing_is_written_twice(
    ledger: Ledger[str, int], table: Table, said: Callable[[], list[str]]
) -> None:
    note_each(ledger, "a")
    ledger.write()
    ledger.write()
    assert (table.rows, table.statements) == ({"a": 1}, 1)
    assert said() == []


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_what_fails_is_kept_and_written_later(
    ledger: Ledger[str, int], table: Table, failure: Exception
) -> None:
    note_each(ledger, "ab")
    table.failure = failure
    ledger.write()
    note_each(ledger, "ac")
    table.failure = None
    ledger.write()
    assert table.rows == {"a": 2, "b": 1, "c": 1}


def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
    ledger: Ledger[str, int], table: Table, said: Callable[[], list[str]]
) -> None:
    for _ in range(2):
        table.failure = OperationalError("gone")
        for _ in range(3):
            note_each(ledger, "a")
            ledger.write()
        table.failure = None
        ledger.write()
    assert said() == 2 * [
        "the calls of API keys are kept in memory, those of 20000 keys at most: gone",
        "the calls of API keys are written; 0 were dropped",
    ]


def test_memory_is_bounded_and_what_is_dropped_is_counted(
    ledger: Ledger[str, int],
    table: Table,
    said: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_module, "MAX_KEYS", 3)
    table.failure = OperationalError("gone")
    note_each(ledger, "abcdea")
    assert len(ledger) == 3
    for _ in range(5):
        ledger.write()
        note_each(ledger, "f")
    assert len(ledger) == 3
    table.failure = None
    ledger.write()
    assert table.rows == {"a": 2, "b": 1, "c": 1}
    assert said()[1:] == ["the calls of API keys are written; 7 were dropped"]


def test_a_burst_beyond_the_bound_is_said_without_an_outage(
    ledger: Ledger[str, int], said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MAX_KEYS", 3)
    for keys in ("abcde", "abc"):
        note_each(ledger, keys)
        ledger.write()
    assert said() == ["the calls of API keys are written; 2 were dropped"]


def test_a_wrong_row_is_dropped_and_the_others_are_written(
    ledger: Ledger[str, int], table: Table, said: Callable[[], list[str]]
) -> None:
    table.wrong = {"c", "f"}
    note_each(ledger, "abcdefgh")
    ledger.write()
    assert table.rows == dict.fromkeys("abdegh", 1)
    assert len(ledger) == 0
    assert said() == ["2 rows of the calls of API keys are dropped; the last: out of range"]


def test_a_failure_beside_a_wrong_row_writes_nothing_twice(
    ledger: Ledger[str, int], table: Table
) -> None:
    table.wrong = {"a"}
    note_each(ledger, "abcd")
    execute = table.execute

    def fail_third(entries: Mapping[str, int]) -> None:
        if table.statements == 2:
            table.failure = OperationalError("gone")
        execute(entries)

    ledger._execute = fail_third
    ledger.write()
    table.failure = None
    ledger._execute = execute
    ledger.write()
    assert table.rows == dict.fromkeys("bcd", 1)


def test_many_rows_take_several_statements(
    ledger: Ledger[str, int], table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "ROWS_PER_STATEMENT", 3)
    note_each(ledger, "abcdefgh")
    ledger.write()
    assert (len(table.rows), table.statements) == (8, 3)
