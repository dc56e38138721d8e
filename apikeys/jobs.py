"""Periodic jobs on API keys."""

from datetime import timedelta

from django.utils import timezone

from apikeys.models import HourlyCalls
from apikeys.services import EXPIRED_AT_ONCE, log_expired_keys
from core.jobs import periodic, stop_if_asked
from core.retention import delete_in_batches

HOURLY_CALLS_KEPT = timedelta(days=31)


@periodic("* * * * *")
def log_expiries() -> None:
    """Add the keys that have expired to their owners' security logs."""
    while log_expired_keys() == EXPIRED_AT_ONCE:
        stop_if_asked()


@periodic("17 * * * *")
def delete_old_hourly_calls() -> None:
    delete_in_batches(HourlyCalls.objects.filter(hour__lt=timezone.now() - HOURLY_CALLS_KEPT))
