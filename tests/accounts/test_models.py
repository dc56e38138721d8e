import pytest
from django.db import IntegrityError, transaction

from accounts.models import Plan, User


def test_only_one_plan_is_the_default(db: None) -> None:
    assert Plan.objects.default() == Plan.objects.default()
    with pytest.raises(IntegrityError), transaction.atomic():
        Plan.objects.create(name="Other", is_default=True)


def test_free_plan_becomes_the_default_if_there_is_none(db: None) -> None:
    free = Plan.objects.default()
    Plan.objects.update(is_default=False)
    assert Plan.objects.default() == free


def test_plan_allows_at_least_one_request(db: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Plan.objects.create(name="None", requests_per_minute=0)


def test_addresses_are_unique_regardless_of_case(alice: User) -> None:
    assert User.objects.get_by_natural_key("ALICE@Example.ORG ") == alice
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("Alice@example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(id=alice.id).update(email="Alice@example.org")


def test_ids_are_random_uuids_and_accounts_are_named_by_address(alice: User) -> None:
    assert alice.id.version == 4
    assert str(alice) == "alice@example.org"
