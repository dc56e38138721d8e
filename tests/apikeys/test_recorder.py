"""The recorder's own thread, and what it does where the database refuses."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from threading import Thread

import pytest
from django.db import OperationalError, connection

from accounts.models import User
from apikeys import usage
from apikeys.models import ApiKey, HourlyCalls
from apikeys.services import CreatedKey, create_api_key
from apikeys.usage import UsageRecorder
from apikeys.usage_rows import Answers, Calls, write_calls
from tests.conftest import wait_for
from tests.pool import Pool

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture
def key(transactional_db: None) -> CreatedKey:
    return create_api_key(User.objects.create_user("a@example.org"), "x")


@pytest.fixture
def foreground() -> UsageRecorder:
    recorder = UsageRecorder()
    recorder.in_background = False
    return recorder


@pytest.fixture
def background(key: CreatedKey, monkeypatch: pytest.MonkeyPatch) -> Iterator[UsageRecorder]:
    monkeypatch.setattr(usage, "WRITE_EVERY_SECONDS", 0.01)
    recorder = UsageRecorder()
    yield recorder
    recorder.stop()


def calls_of(key: CreatedKey) -> int:
    return sum(row.count for row in HourlyCalls.objects.filter(api_key=key.api_key))


class Failing:
    """Raises an error while `fails` is set, and acts otherwise; counts both."""

    def __init__(self, action: Callable[[], None], error: Exception) -> None:
        self.action, self.error = action, error
        self.fails = True
        self.failures = 0

    def __call__(self) -> None:
        if self.fails:
            self.failures += 1
            raise self.error
        self.action()


@pytest.mark.parametrize("error", [RuntimeError("surprise"), MemoryError(), TypeError()], ids=repr)
def test_its_thread_survives_any_exception(
    background: UsageRecorder,
    key: CreatedKey,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write = Failing(background.write, error)
    monkeypatch.setattr(background, "write", write)
    for outage in (1, 2):
        write.fails, write.failures = True, 0
        background.record(key.api_key.id)
        wait_for(lambda: write.failures > 2)
        write.fails = False
        wait_for(lambda outage=outage: calls_of(key) == outage)  # type: ignore[misc]
    said = [record.getMessage() for record in caplog.records]
    assert said == 2 * ["the usage of API keys is not written; it is tried again"]


def test_what_could_not_be_written_is_tried_again_without_another_call(
    background: UsageRecorder, key: CreatedKey
) -> None:
    errors = [OperationalError("gone"), OperationalError("gone")]

    def write_third_time(calls: Mapping[Answers, Calls]) -> None:
        if errors:
            raise errors.pop()
        write_calls(calls)

    background.calls._execute = write_third_time
    background.record(key.api_key.id)
    wait_for(lambda: calls_of(key) == 1)


def test_a_stop_wakes_a_thread_that_waits(background: UsageRecorder) -> None:
    background.start()
    stopping = Thread(target=background.stop, daemon=True)
    stopping.start()
    stopping.join(30)
    assert not stopping.is_alive()


def test_a_stop_writes_what_is_left_and_ends_the_thread(
    background: UsageRecorder, key: CreatedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "WRITE_EVERY_SECONDS", 3600)
    background.record(key.api_key.id)
    wait_for(lambda: calls_of(key) == 1)
    background.record(key.api_key.id)  # the thread writes again in an hour
    background.stop()
    assert calls_of(key) == 2
    assert background._thread is not None
    assert not background._thread.is_alive()


def test_between_writes_it_holds_no_connection(key: CreatedKey) -> None:
    pool = Pool(1)
    recorder = UsageRecorder()
    recorder.in_background = False
    recorder.record(key.api_key.id)
    in_use: list[int] = []

    def write() -> None:
        recorder.write()
        in_use.append(pool.stats()["pool_available"])

    try:
        pool.in_thread(write)
        assert calls_of(key) == 1
        assert in_use == [1]
    finally:
        pool.close()


def test_its_thread_leaves_no_connection_behind(background: UsageRecorder, key: CreatedKey) -> None:
    sessions: list[int] = []

    def write_and_note_session(calls: Mapping[Answers, Calls]) -> None:
        write_calls(calls)
        sessions.append(connection.connection.info.backend_pid)

    background.calls._execute = write_and_note_session
    background.record(key.api_key.id)
    wait_for(lambda: bool(sessions))
    background.stop()

    def session_lives() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [sessions[0]])
            return cursor.fetchone() is not None

    assert connection.connection.info.backend_pid != sessions[0]
    wait_for(lambda: not session_lives())


def test_while_the_database_only_reads_it_keeps_what_it_has(
    foreground: UsageRecorder, key: CreatedKey
) -> None:
    foreground.record(key.api_key.id)
    foreground.record_rejection(key.api_key.id)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        foreground.write()
        cursor.execute("SET default_transaction_read_only = off")
    assert calls_of(key) == 0
    foreground.write()
    stored = ApiKey.objects.get(id=key.api_key.id)
    assert stored.last_used_at is not None
    assert (calls_of(key), stored.rejected_count) == (1, 1)


def test_a_row_that_the_database_cannot_take_blocks_no_other(
    foreground: UsageRecorder, key: CreatedKey
) -> None:
    foreground.calls.note(Answers(key.api_key.id, NOON, 40_000), Calls(1, 1))  # no smallint
    foreground.calls.note(Answers(key.api_key.id, NOON, 200), Calls(3, 1))
    foreground.calls.note(Answers(key.api_key.id, NOON, 404), Calls(2**70, 1))  # no JSON integer
    foreground.write()
    assert calls_of(key) == 3
    assert len(foreground.calls) == 0
