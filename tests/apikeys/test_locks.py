"""Changes of a key that have to wait for one another."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import pairwise
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.security_events import API_KEY_EXPIRY_CHANGED
from apikeys.services import (
    ApiKeyEnded,
    KeyCreatedAlready,
    change_expiry,
    create_api_key,
    rename_api_key,
    rotate_api_key,
)
from tests.conftest import wait_for
from tests.locks import sessions_waiting

DAY = timedelta(days=1)
NOW = timedelta(0)


@pytest.fixture
def owner(transactional_db: None) -> User:
    return User.objects.create_user("owner@example.org")


@pytest.fixture
def api_key(owner: User) -> ApiKey:
    return create_api_key(owner, "x").api_key


def row(found: User | ApiKey) -> QuerySet[User] | QuerySet[ApiKey]:
    return type(found)._default_manager.filter(pk=found.pk)


def run(work: Callable[[], object]) -> type[Exception] | None:
    """Do the work on a connection of its own; return the kind of exception that it raised."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 (each test says which it expects)
        return type(error)
    finally:
        connection.close()
    return None


def outcomes_behind(
    rows: QuerySet[User] | QuerySet[ApiKey],
    *works: Callable[[], object],
    until: Callable[[], bool] = lambda: True,
) -> list[type[Exception] | None]:
    """Do the works at once while the rows are locked; unlock them once all works have to wait."""
    futures: list[Future[type[Exception] | None]] = []

    def all_wait() -> bool:
        return sessions_waiting() + sum(future.done() for future in futures) == len(works)

    with ThreadPoolExecutor(len(works)) as pool:
        with transaction.atomic():
            assert list(rows.select_for_update(no_key=True))
            futures += [pool.submit(run, work) for work in works]
            wait_for(all_wait)
            wait_for(until)
        return [future.result() for future in futures]


def test_rotations_of_one_key_at_once_make_one_successor(owner: User, api_key: ApiKey) -> None:
    rotate = partial(rotate_api_key, owner, api_key.id, grace=DAY)
    outcomes = outcomes_behind(row(owner), rotate, rotate, rotate)
    assert outcomes.count(None) == 1
    assert outcomes.count(ApiKeyEnded) == 2
    assert ApiKey.objects.get(predecessor=api_key).is_active


@pytest.mark.parametrize("grace", [NOW, DAY])
def test_a_rotation_that_is_sent_twice_is_one_request(
    owner: User, api_key: ApiKey, grace: timedelta
) -> None:
    rotate = partial(rotate_api_key, owner, api_key.id, grace=grace, request_id=uuid4())
    outcomes = outcomes_behind(row(owner), rotate, rotate)
    assert set(outcomes) == {None, KeyCreatedAlready}


def test_a_change_of_an_expiry_waits_for_a_rotation_and_then_counts(
    owner: User, api_key: ApiKey
) -> None:
    rotate = partial(rotate_api_key, owner, api_key.id, grace=DAY)
    change = partial(change_expiry, owner.id, api_key.id, None)
    assert outcomes_behind(row(owner), rotate, change) == [None, None]


def test_each_change_of_an_expiry_is_logged_after_the_one_before(
    owner: User, api_key: ApiKey
) -> None:
    moments = [timezone.now() + number * DAY for number in (1, 2, 3)]
    changes = [partial(change_expiry, owner.id, api_key.id, moment) for moment in moments]
    assert outcomes_behind(row(api_key), *changes) == [None] * 3
    events = owner.security_events.filter(kind=API_KEY_EXPIRY_CHANGED).order_by("id")
    first, *others = [event.details for event in events]
    assert first["before"] == "never"
    assert len(others) == 2
    assert all(
        event["after"] == following["before"] for event, following in pairwise([first, *others])
    )


def test_each_new_name_is_logged_after_the_one_before(owner: User, api_key: ApiKey) -> None:
    renames = [partial(rename_api_key, owner.id, api_key.id, name) for name in ("y", "z")]
    assert outcomes_behind(row(api_key), *renames) == [None, None]
    events = owner.security_events.filter(kind="api_key_renamed").order_by("id")
    first, second = [event.details for event in events]
    assert (first["before"], first["name"]) == ("x", second["before"])


@pytest.mark.parametrize("change", ["expiry", "rotation"])
def test_a_key_that_expires_while_its_change_waits_stays_expired(owner: User, change: str) -> None:
    expires_at = timezone.now() + timedelta(seconds=1)
    api_key = create_api_key(owner, "x", expires_at=expires_at).api_key
    changes: dict[str, Callable[[], object]] = {
        "expiry": partial(change_expiry, owner.id, api_key.id, None),
        "rotation": partial(rotate_api_key, owner, api_key.id, grace=NOW),
    }
    is_over = ApiKey.objects.active().exists
    outcomes = outcomes_behind(row(owner), changes[change], until=lambda: not is_over())
    assert outcomes == [ApiKeyEnded]
    assert ApiKey.objects.get().expires_at == expires_at
