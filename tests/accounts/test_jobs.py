from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.jobs import delete_expired_sessions
from accounts.models import User
from tests.accounts.test_sign_up import is_signed_in, sign_in
from tests.conftest import PASSWORD


def test_expired_sessions_go_with_what_was_noted_of_their_devices(alice: User) -> None:
    alice.set_password(PASSWORD)
    alice.save()
    old, current = Client(), Client()
    for client in (old, current):
        sign_in(client, alice.email)
    Session.objects.filter(session_key=old.session.session_key).update(
        expire_date=timezone.now() - timedelta(seconds=1)
    )
    delete_expired_sessions()
    key = current.session.session_key
    assert [session.session_key for session in Session.objects.all()] == [key]
    assert [session.session_key for session in UserSession.objects.all()] == [key]
    assert is_signed_in(current)
