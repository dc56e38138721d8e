import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from apikeys import usage
from apikeys.models import ApiKey
from apikeys.services import CreatedKey, create_api_key
from apikeys.usage import recorder
from apikeys.usage_rows import write_last_uses
from tests.conftest import (
    ApiClient,
    Service,
    start_service,
    statements_sent,
    stop_service,
    wait_for,
)

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


def last_used(created: CreatedKey) -> datetime | None:
    return ApiKey.objects.get(id=created.api_key.id).last_used_at


def test_a_good_call_is_recorded_with_its_time(api: ApiClient, alices_key: CreatedKey) -> None:
    before = timezone.now()
    api.get("/chatbots")
    after = timezone.now()
    recorder.write()
    used = last_used(alices_key)
    assert used is not None
    assert before <= used <= after


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("PUT", "/chatbots")])
def test_a_failed_call_is_not_recorded_as_a_use(
    api: ApiClient, alices_key: CreatedKey, method: str, path: str
) -> None:
    assert api.request(method, path).status_code >= 400
    recorder.write()
    assert last_used(alices_key) is None


def test_the_request_itself_writes_nothing(api: ApiClient, chatbot: object) -> None:
    with statements_sent() as statements:
        api.get("/chatbots")
    assert statements == ["SELECT", "SELECT"]


def test_all_keys_are_written_by_one_statement_a_ledger(alice: User) -> None:
    keys = [create_api_key(alice, str(number)) for number in range(5)]
    for key in keys * 3:
        recorder.record(key.api_key.id)
    with CaptureQueriesContext(connection) as queries:
        recorder.write()
    assert len(queries) == 2  # last uses and calls
    assert None not in map(last_used, keys)


def test_nothing_to_write_is_no_statement(db: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        recorder.write()
    assert not queries


def test_a_later_time_is_never_overwritten_by_an_earlier_one(alices_key: CreatedKey) -> None:
    key_id = alices_key.api_key.id
    write_last_uses({key_id: NOON})
    write_last_uses({key_id: NOON - timedelta(seconds=1)})
    assert last_used(alices_key) == NOON


def test_the_use_of_a_deleted_key_is_skipped(alices_key: CreatedKey) -> None:
    write_last_uses({uuid.uuid4(): NOON, alices_key.api_key.id: NOON})
    assert last_used(alices_key) == NOON


def test_it_is_visible_soon(service: Service) -> None:
    assert usage.WRITE_EVERY_SECONDS <= 1  # so within two seconds, unless the machine is busy
    created = create_api_key(User.objects.create_user("a@example.org"), "x")
    with service.client(created.token.plaintext) as client:
        client.get("/chatbots")
        wait_for(lambda: last_used(created) is not None)
        first = last_used(created)
        client.get("/chatbots")
        wait_for(lambda: last_used(created) != first)


def test_it_survives_a_graceful_stop(transactional_db: None, tmp_path: Path) -> None:
    created = create_api_key(User.objects.create_user("a@example.org"), "x")
    own = start_service(tmp_path, WEB_CONCURRENCY="2")
    with own.client(created.token.plaintext) as client:
        for _ in range(20):
            started = timezone.now()
            client.get("/chatbots")
    stop_service(own)
    used = last_used(created)
    assert used is not None
    assert used >= started
