"""Closing an account: access ends at once and for good, data goes piece by piece."""

import threading
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.db import IntegrityError
from django.test import Client

from accounts import jobs
from accounts.closing import close_account
from accounts.models import User
from accounts.signals import account_emptied
from apikeys.models import ApiKey
from apikeys.services import CreatedKey, create_api_key
from chatbots.models import Chatbot, Conversation
from tests.accounts.test_sign_up import is_signed_in, sign_in, sign_up
from tests.conftest import PASSWORD, ApiClient, Service
from tests.jobs import run_due_jobs


def test_access_ends_before_any_data_is_deleted(
    alice: User, alices_key: CreatedKey, api: ApiClient, chatbot: Chatbot, browser: Client
) -> None:
    alice.set_password(PASSWORD)
    alice.save()
    close_account(alice)
    assert api.get("/chatbots").status_code == 401
    assert not is_signed_in(browser)
    again = Client()
    sign_in(again, "alice@example.org")
    assert not is_signed_in(again)
    assert Chatbot.objects.exists()
    alices_key.api_key.refresh_from_db()
    assert alices_key.api_key.revoked_at is not None


def test_the_address_is_free_at_once(alice: User) -> None:
    close_account(alice)
    client = Client()
    sign_up(client, "alice@example.org")
    assert is_signed_in(client)


def test_second_factors_go_at_once(alice: User) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    close_account(alice)
    assert not alice.authenticator_set.exists()  # type: ignore[attr-defined]


def test_closing_again_changes_nothing(alice: User) -> None:
    close_account(alice)
    close_account(alice)
    run_due_jobs()
    assert not User.objects.exists()


def test_an_open_account_is_never_deleted(alice: User) -> None:
    jobs.delete_account.enqueue(str(alice.pk))
    run_due_jobs()
    assert User.objects.get() == alice


def test_a_deletion_that_fails_is_tried_again_until_it_is_done(
    alice: User, alices_key: CreatedKey, chatbot: Chatbot
) -> None:
    def refuse(**signal: Any) -> None:
        raise IntegrityError("a call was recorded meanwhile")

    close_account(alice)
    account_emptied.connect(refuse, weak=False)
    try:
        run_due_jobs()
    finally:
        account_emptied.disconnect(refuse)
    assert User.objects.get().closed_at is not None
    jobs.delete_closed_accounts()
    run_due_jobs()
    assert not User.objects.exists()
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("attempt", range(3))
def test_an_account_whose_keys_are_in_use_can_be_deleted(service: Service, attempt: int) -> None:
    owner = User.objects.create_user("owner@example.org")
    keys = [create_api_key(owner, str(number)).token.plaintext for number in range(3)]
    closed = threading.Event()
    late: list[int] = []

    def call(key: str) -> None:
        with service.client(key) as client:
            for _ in range(50):
                is_closed = closed.is_set()
                status = client.get("/chatbots").status_code
                if is_closed:
                    late.append(status)

    threads = [threading.Thread(target=call, args=[key]) for key in keys]
    for thread in threads:
        thread.start()
    close_account(owner)
    closed.set()
    run_due_jobs()
    for thread in threads:
        thread.join()
    jobs.delete_closed_accounts()
    run_due_jobs()
    assert set(late) == {401}
    assert not User.objects.exists()
    assert not ApiKey.objects.exists()
