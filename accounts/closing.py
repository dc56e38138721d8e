"""Closing an account: at once for everybody who uses it, then piece by piece in the worker."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.signals import account_closed


@transaction.atomic
def close_account(account: User) -> None:
    """Close the account for good.

    Once this has committed nobody can sign in to it, its sessions are gone, its API keys are
    revoked, and its address is free. A job then deletes its data (accounts.jobs.delete_account).
    """
    account = User.objects.select_for_update(no_key=True).get(pk=account.pk)
    account_closed.send(User, account=account)
    sessions = UserSession.objects.filter(user=account)
    Session.objects.filter(session_key__in=sessions.values("session_key")).delete()
    sessions.delete()
    Authenticator.objects.filter(user=account).delete()
    EmailAddress.objects.filter(user=account).delete()
    account.email = f"{account.pk}@closed.invalid"
    account.is_active = False
    account.closed_at = timezone.now()
    account.set_unusable_password()
    account.save(update_fields=["email", "is_active", "closed_at", "password"])

    from accounts.jobs import delete_account  # which is imported when all apps are

    delete_account.enqueue(str(account.pk))
