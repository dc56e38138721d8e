"""What API keys do when their account is closed."""

from typing import Any

from accounts.models import User
from accounts.signals import account_closed, account_emptied
from apikeys.models import ApiKey, HourlyCalls
from core.retention import delete_in_batches


def connect() -> None:
    account_closed.connect(revoke_keys, dispatch_uid="apikeys")
    account_emptied.connect(delete_keys, dispatch_uid="apikeys")


def revoke_keys(account: User, **signal: Any) -> None:
    ApiKey.objects.owned_by(account.pk).revoke()


def delete_keys(account: User, **signal: Any) -> None:
    delete_in_batches(HourlyCalls.objects.filter(api_key__owner=account))
    delete_in_batches(ApiKey.objects.owned_by(account.pk))
