"""Jobs on accounts."""

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import User
from accounts.signals import account_emptied
from core.jobs import job, periodic
from core.retention import delete_in_batches


@periodic("11 * * * *")
def delete_expired_sessions() -> None:
    """Delete expired sessions, and the records of devices whose session is gone."""
    delete_in_batches(Session.objects.filter(expire_date__lte=timezone.now()))
    session = Session.objects.filter(session_key=OuterRef("session_key"))
    delete_in_batches(UserSession.objects.exclude(Exists(session)))


@job(lock="delete account {account_id}")
def delete_account(account_id: str) -> None:
    """Delete a closed account and everything in it.

    Calls that were under way as it was closed may still be recorded for its keys. Then the database
    refuses, and the job is retried.
    """
    account = User.objects.filter(pk=account_id, closed_at__isnull=False).first()
    if account is not None:
        account_emptied.send(User, account=account)
        account.delete()


@periodic("29 * * * *")
def delete_closed_accounts() -> None:
    """Enqueue the deletion of closed accounts again whose jobs have failed."""
    for account_id in User.objects.filter(closed_at__isnull=False).values_list("pk", flat=True):
        delete_account.enqueue(str(account_id))
