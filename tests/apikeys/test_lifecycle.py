"""Expiry, rotation and what is known of a key after its end."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from apikeys.models import QUIET, ApiKey
from apikeys.services import (
    ApiKeyEnded,
    CreatedKey,
    KeyCapReached,
    KeyCreatedAlready,
    change_expiry,
    create_api_key,
    revoke_api_key,
    rotate_api_key,
)
from apikeys.usage import recorder
from apikeys.usage_rows import write_last_uses
from tests.apikeys.test_authentication import UNAUTHORIZED, call
from tests.conftest import ApiClient, statements_sent

HOUR = timedelta(hours=1)
NOW = timedelta(0)


def stored(created: CreatedKey) -> ApiKey:
    return ApiKey.objects.get(id=created.api_key.id)


def status(created: CreatedKey) -> int:
    return int(ApiClient(created.token.plaintext).get("/chatbots").status_code)


@pytest.fixture
def expired(alice: User) -> CreatedKey:
    return create_api_key(alice, "Expired", expires_at=timezone.now() - HOUR)


class TestExpiry:
    def test_a_key_works_until_it_expires(self, alice: User) -> None:
        created = create_api_key(alice, "x", expires_at=timezone.now() + HOUR)
        assert status(created) == 200
        change_expiry(alice.id, created.api_key.id, timezone.now())
        assert status(created) == 401
        assert stored(created).state == "Expired"
        assert not stored(created).is_active

    def test_an_expired_key_is_answered_as_no_key_at_all(self, expired: CreatedKey) -> None:
        assert call(f"Bearer {expired.token.plaintext}") == call(None)

    def test_an_expired_key_frees_its_place(self, alice: User, expired: CreatedKey) -> None:
        for number in range(5):
            create_api_key(alice, str(number))
        with pytest.raises(KeyCapReached):
            create_api_key(alice, "sixth")

    def test_a_key_with_a_later_expiry_holds_its_place(self, alice: User) -> None:
        for number in range(5):
            create_api_key(alice, str(number), expires_at=timezone.now() + HOUR)
        with pytest.raises(KeyCapReached):
            create_api_key(alice, "sixth")

    @pytest.mark.parametrize("later", [None, HOUR])
    def test_expiry_once_passed_is_final(
        self, alice: User, expired: CreatedKey, later: timedelta | None
    ) -> None:
        expires_at = timezone.now() + later if later else None
        with pytest.raises(ApiKeyEnded):
            change_expiry(alice.id, expired.api_key.id, expires_at)
        with (
            pytest.raises(IntegrityError, match="an expired API key stays expired"),
            transaction.atomic(),
        ):
            ApiKey.objects.update(expires_at=expires_at)
        assert status(expired) == 401

    def test_a_strangers_key_keeps_its_expiry(self, stranger: User, alices_key: CreatedKey) -> None:
        with pytest.raises(ApiKeyEnded):
            change_expiry(stranger.id, alices_key.api_key.id, timezone.now())
        assert stored(alices_key).expires_at is None


class TestRotation:
    def test_both_work_until_the_grace_is_over(self, alice: User, alices_key: CreatedKey) -> None:
        new = rotate_api_key(alice, alices_key.api_key.id, grace=HOUR)
        assert status(new) == status(alices_key) == 200
        assert stored(new).predecessor == stored(alices_key)
        ends = stored(alices_key).expires_at
        assert ends is not None
        assert timedelta(minutes=59) < ends - timezone.now() <= HOUR
        assert stored(new).expires_at is None

    def test_without_grace_the_old_one_ends_at_once(
        self, alice: User, alices_key: CreatedKey
    ) -> None:
        new = rotate_api_key(alice, alices_key.api_key.id, grace=NOW)
        assert status(new) == 200
        assert status(alices_key) == 401

    def test_an_earlier_end_is_not_put_off(self, alice: User) -> None:
        old = create_api_key(alice, "x", expires_at=timezone.now() + HOUR)
        rotate_api_key(alice, old.api_key.id, grace=24 * HOUR)
        assert stored(old).expires_at == old.api_key.expires_at

    def test_at_the_cap_only_an_immediate_replacement_fits(
        self, alice: User, alices_key: CreatedKey
    ) -> None:
        for number in range(4):
            create_api_key(alice, str(number))
        with pytest.raises(KeyCapReached):
            rotate_api_key(alice, alices_key.api_key.id, grace=HOUR)
        assert stored(alices_key).expires_at is None
        new = rotate_api_key(alice, alices_key.api_key.id, grace=NOW)
        assert (status(new), status(alices_key)) == (200, 401)
        assert ApiKey.objects.active().count() == 5

    def test_a_key_has_one_successor(self, alice: User, alices_key: CreatedKey) -> None:
        rotate_api_key(alice, alices_key.api_key.id, grace=HOUR)
        with pytest.raises(ApiKeyEnded):
            rotate_api_key(alice, alices_key.api_key.id, grace=HOUR)
        assert ApiKey.objects.count() == 2

    @pytest.mark.parametrize("ending", ["revoked", "expired", "a stranger's"])
    def test_other_keys_are_not_rotated(
        self, alice: User, stranger: User, expired: CreatedKey, ending: str
    ) -> None:
        old = expired
        if ending != "expired":
            old = create_api_key(stranger if ending == "a stranger's" else alice, "x")
        if ending == "revoked":
            revoke_api_key(alice.id, str(old.api_key.id))
        with pytest.raises(ApiKeyEnded):
            rotate_api_key(alice, old.api_key.id, grace=HOUR)
        assert not ApiKey.objects.exclude(predecessor=None).exists()


class TestOneRequestMakesOneKey:
    def test_a_repeated_request_is_refused_even_at_the_cap(self, alice: User) -> None:
        request_id = uuid.uuid4()
        made = create_api_key(alice, "x", request_id=request_id).api_key
        for full in (False, True):
            with pytest.raises(KeyCreatedAlready) as error:
                create_api_key(alice, "x", request_id=request_id)
            assert error.value.api_key == made
            if not full:
                for number in range(4):
                    create_api_key(alice, str(number))
        assert ApiKey.objects.count() == 5

    def test_rotating_again_is_the_same_request(self, alice: User, alices_key: CreatedKey) -> None:
        request_id = uuid.uuid4()
        new = rotate_api_key(alice, alices_key.api_key.id, grace=NOW, request_id=request_id)
        with pytest.raises(KeyCreatedAlready) as error:
            rotate_api_key(alice, alices_key.api_key.id, grace=NOW, request_id=request_id)
        assert error.value.api_key == new.api_key

    def test_the_requests_of_two_owners_do_not_collide(self, alice: User, stranger: User) -> None:
        request_id = uuid.uuid4()
        create_api_key(alice, "x", request_id=request_id)
        assert create_api_key(stranger, "x", request_id=request_id).api_key.owner == stranger


class TestAfterTheEnd:
    @pytest.fixture
    def revoked(self, alice: User, alices_key: CreatedKey) -> CreatedKey:
        revoke_api_key(alice.id, str(alices_key.api_key.id))
        return alices_key

    def test_attempts_are_counted_beside_the_requests(
        self, revoked: CreatedKey, expired: CreatedKey
    ) -> None:
        before = timezone.now()
        for created in (revoked, revoked, expired):
            with statements_sent() as statements:
                status_code, body, _ = call(f"Bearer {created.token.plaintext}")
            assert (status_code, body) == (401, UNAUTHORIZED)
            assert statements == ["SELECT"]
        with CaptureQueriesContext(connection) as queries:
            recorder.write()
        assert len(queries) == 1
        assert (stored(revoked).rejected_count, stored(expired).rejected_count) == (2, 1)
        latest = stored(revoked).last_rejected_at
        assert latest is not None
        assert before <= latest <= timezone.now()
        assert stored(revoked).last_used_at is None

    def test_counts_add_up(self, revoked: CreatedKey) -> None:
        for _ in range(3):
            status(revoked)
            recorder.write()
        assert stored(revoked).rejected_count == 3

    def test_calls_of_an_active_key_are_not_counted_as_refused(
        self, alices_key: CreatedKey
    ) -> None:
        assert status(alices_key) == 200
        recorder.write()
        assert stored(alices_key).rejected_count == 0


class TestSafeToRetire:
    @pytest.fixture
    def rotated(self, alice: User, alices_key: CreatedKey) -> tuple[CreatedKey, CreatedKey]:
        return alices_key, rotate_api_key(alice, alices_key.api_key.id, grace=30 * 24 * HOUR)

    @pytest.mark.parametrize(
        ("old_used", "new_used", "safe"),
        [
            (None, False, False),
            (None, True, True),
            (HOUR, True, False),
            (QUIET + HOUR, True, True),
            (QUIET + HOUR, False, False),
        ],
    )
    def test_when_it_is_silent_and_the_successor_in_use(
        self,
        rotated: tuple[CreatedKey, CreatedKey],
        old_used: timedelta | None,
        new_used: bool,
        safe: bool,
    ) -> None:
        old, new = rotated
        if old_used:
            write_last_uses({old.api_key.id: timezone.now() - old_used})
        if new_used:
            write_last_uses({new.api_key.id: timezone.now()})
        assert stored(old).is_safe_to_retire is safe

    def test_first_use_stays_the_first(self, alices_key: CreatedKey) -> None:
        first = timezone.now() - HOUR
        write_last_uses({alices_key.api_key.id: first})
        write_last_uses({alices_key.api_key.id: timezone.now()})
        assert stored(alices_key).first_used_at == first
