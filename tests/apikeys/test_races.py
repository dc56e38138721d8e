"""What must hold however requests, processes and connections interleave."""

import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Plan, User
from apikeys import tokens
from apikeys.models import ApiKey
from apikeys.services import (
    ApiKeyEnded,
    KeyCapReached,
    KeyCreatedAlready,
    change_expiry,
    create_api_key,
    revoke_api_key,
    rotate_api_key,
)
from tests.conftest import Service, wait_for


@pytest.fixture
def owner(transactional_db: None) -> User:
    return User.objects.create_user("owner@example.org")


def session_of(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {
        "sessionid": client.cookies["sessionid"].value,
        "csrftoken": "a" * 32,
    }


def test_50_parallel_creations_end_with_5_keys(service: Service, owner: User) -> None:
    cookies = session_of(owner)

    def create(number: int) -> int:
        with service.client(cookies=cookies) as client:
            return client.post(
                "/api-keys",
                json={"name": str(number)},
                headers={"X-CSRFToken": cookies["csrftoken"]},
            ).status_code

    with ThreadPoolExecutor(50) as pool:
        statuses = Counter(pool.map(create, range(50)))
    assert statuses == {201: 5, 400: 45}
    assert ApiKey.objects.active().count() == 5


def test_parallel_creations_never_pass_the_cap_on_all_keys(owner: User) -> None:
    owner.plan = Plan.objects.create(name="Small", max_api_keys=8)
    owner.save()

    def create_and_revoke() -> bool:
        try:
            key_id = create_api_key(owner, "x").api_key.id
        except KeyCapReached:
            return False
        revoke_api_key(owner.id, str(key_id))
        return True

    made = in_threads(4, lambda: [create_and_revoke() for _ in range(10)])
    assert sum(map(sum, made)) == ApiKey.objects.count() == 8  # type: ignore[arg-type]


def in_threads(count: int, work: object) -> list[object]:
    """Run the work in threads that start at the same moment, each with its own connection."""
    barrier = threading.Barrier(count)

    def run(_: int) -> object:
        barrier.wait()
        try:
            return work()  # type: ignore[operator]
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_threads_and_processes_together_make_5_keys(owner: User) -> None:
    script = (
        "import django; django.setup()\n"
        "from django.db import connection\n"
        f"connection.settings_dict['NAME'] = {connection.settings_dict['NAME']!r}\n"
        "from accounts.models import User\n"
        "from apikeys.services import KeyCapReached, create_api_key\n"
        "owner, made = User.objects.get(), 0\n"
        "for number in range(5):\n"
        "    try:\n"
        "        create_api_key(owner, str(number))\n"
        "        made += 1\n"
        "    except KeyCapReached: pass\n"
        "print(made)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    def create() -> int:
        try:
            create_api_key(owner, "thread")
        except KeyCapReached:
            return 0
        return 1

    made = in_threads(8, create)
    made += [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(int(str(number)) for number in made) == 5
    assert ApiKey.objects.active().count() == 5


def test_revoking_and_creating_at_once_never_pass_the_cap(owner: User) -> None:
    for number in range(5):
        create_api_key(owner, str(number))

    def replace() -> None:
        revoke_api_key(owner.id, str(ApiKey.objects.active().order_by("?")[0].id))
        for _ in range(3):
            try:
                create_api_key(owner, "more")
            except KeyCapReached:
                return

    in_threads(8, replace)
    assert ApiKey.objects.active().count() == 5


def raw_key(owner: User) -> ApiKey:
    token = tokens.generate()
    return ApiKey(owner=owner, name="raw", prefix=token.prefix, digest=token.digest)


class TestTheDatabaseItself:
    """Whoever writes (the admin, a shell, another program), these do not happen."""

    def test_a_sixth_key_is_refused(self, owner: User) -> None:
        ApiKey.objects.bulk_create(raw_key(owner) for _ in range(5))
        with pytest.raises(IntegrityError, match="the plan allows 5 active API keys"):
            raw_key(owner).save()

    def test_six_in_one_statement_are_refused(self, owner: User) -> None:
        with pytest.raises(IntegrityError, match="the plan allows 5 active API keys"):
            ApiKey.objects.bulk_create(raw_key(owner) for _ in range(6))
        assert not ApiKey.objects.exists()

    def test_ended_keys_beyond_the_cap_on_all_keys_are_refused(self, owner: User) -> None:
        Plan.objects.update(max_api_keys=2)
        ended = [raw_key(owner) for _ in range(3)]
        for api_key in ended:
            api_key.revoked_at = timezone.now()
        ApiKey.objects.bulk_create(ended[:2])
        with pytest.raises(IntegrityError, match="the plan allows 2 API keys"):
            ended[2].save()

    @pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
    def test_a_snapshot_that_does_not_see_others_is_refused(self, owner: User, level: str) -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            with pytest.raises(DatabaseError, match="created under read committed only"):
                raw_key(owner).save()
            transaction.set_rollback(True)

    def test_revocation_is_final(self, owner: User) -> None:
        created = create_api_key(owner, "x").api_key
        revoke_api_key(owner.id, str(created.id))
        with pytest.raises(IntegrityError, match="keeps its owner, prefix, digest"):
            ApiKey.objects.update(revoked_at=None)

    def test_a_key_does_not_change_hands(self, owner: User) -> None:
        create_api_key(owner, "x")
        other = User.objects.create_user("other@example.org")
        with pytest.raises(IntegrityError, match="keeps its owner, prefix, digest"):
            ApiKey.objects.update(owner=other)

    def test_a_smaller_plan_keeps_its_keys_and_makes_none(self, owner: User) -> None:
        ApiKey.objects.bulk_create(raw_key(owner) for _ in range(5))
        owner.plan = Plan.objects.create(name="Small", max_active_api_keys=2)
        owner.save()
        assert ApiKey.objects.active().count() == 5
        with pytest.raises(KeyCapReached):
            create_api_key(owner, "x")


def test_no_200_starts_after_the_revoke_has_answered(service: Service, owner: User) -> None:
    owner.plan = Plan.objects.create(name="Unlimited", requests_per_minute=100_000)
    owner.save()
    created = create_api_key(owner, "Hammered")
    cookies = session_of(owner)
    stop = threading.Event()
    calls: list[tuple[float, int]] = []  # when each was sent, and its status

    def hammer(_: int) -> None:
        with service.client(created.token.plaintext) as client:
            while not stop.is_set():
                sent_at = time.monotonic()
                calls.append((sent_at, client.get("/chatbots").status_code))

    def sent_since(moment: float) -> list[int]:
        return [status for sent_at, status in list(calls) if sent_at >= moment]

    with ThreadPoolExecutor(8) as pool:
        hammering = [pool.submit(hammer, number) for number in range(8)]
        try:
            wait_for(lambda: len(calls) > 50)
            with service.client(cookies=cookies) as client:
                revoked = client.delete(
                    f"/api-keys/{created.api_key.id}", headers={"X-CSRFToken": cookies["csrftoken"]}
                )
            answered_at = time.monotonic()
            wait_for(lambda: len(sent_since(answered_at)) > 50)
        finally:
            stop.set()
        for future in hammering:
            future.result()
    assert revoked.status_code == 204
    assert 200 in {status for _, status in calls}
    assert set(sent_since(answered_at)) == {401}


@pytest.mark.parametrize("grace", [timedelta(0), timedelta(days=1)], ids=["at once", "a day"])
def test_50_parallel_rotations_at_the_cap_leave_5_working_keys(
    owner: User, grace: timedelta
) -> None:
    keys = [create_api_key(owner, str(number)).api_key for number in range(5)]
    turns = iter(keys * 10)

    def rotate() -> bool:
        try:
            rotate_api_key(owner, next(turns).id, grace=grace)
        except (ApiKeyEnded, KeyCapReached):
            return False
        return True

    rotated = in_threads(50, rotate)
    assert ApiKey.objects.active().count() == 5
    assert rotated.count(True) == (0 if grace else 5)
    assert ApiKey.objects.filter(expires_at=None).count() == 5


def test_extending_rotating_and_creating_at_once_never_pass_the_cap(owner: User) -> None:
    for number in range(5):
        create_api_key(owner, str(number), expires_at=timezone.now() + timedelta(milliseconds=150))

    def disturb() -> None:
        for _ in range(10):
            key = ApiKey.objects.order_by("?")[0]
            for step in (
                lambda: change_expiry(owner.id, key.id, None),  # noqa: B023 (run at once)
                lambda: rotate_api_key(owner, key.id, grace=timedelta(0)),  # noqa: B023
                lambda: create_api_key(owner, "more"),
            ):
                with suppress(ApiKeyEnded, KeyCapReached):
                    step()
            assert ApiKey.objects.active().count() <= 5

    in_threads(8, disturb)
    assert ApiKey.objects.active().count() <= 5


def test_one_request_sent_20_times_at_once_makes_one_key(owner: User) -> None:
    request_id = uuid.uuid4()

    def create() -> bool:
        try:
            create_api_key(owner, "x", request_id=request_id)
        except KeyCreatedAlready:
            return False
        return True

    assert in_threads(20, create).count(True) == 1
    assert ApiKey.objects.count() == 1
