"""Concurrent requests about one address: one succeeds, the others get the usual answers."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.accounts.test_sign_up import EMAIL, sign_up, text
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


def run_concurrently(count: int, request: Callable[[int], Any]) -> list[Any]:
    """Send that many requests from threads that start together; return the answers."""
    barrier = threading.Barrier(count)
    answers: list[Any] = [None] * count

    def run(number: int) -> None:
        connection.ensure_connection()
        barrier.wait(30)
        try:
            answers[number] = request(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def client() -> Client:
    return Client(raise_request_exception=False)


def test_concurrent_sign_ups_create_one_account() -> None:
    answers = run_concurrently(4, lambda _: sign_up(client()))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 302]
    refused = [text(answer) for answer in answers if answer.status_code == 200]
    assert all("An account with this e-mail address already exists" in page for page in refused)
    assert User.objects.get().email == EMAIL


def test_concurrent_sign_ups_get_the_same_answer_if_mail_is_sent(settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    answers = run_concurrently(4, lambda _: sign_up(client()))
    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {
        (302, "/sign-up/confirm/")
    }
    assert User.objects.get().email == EMAIL


def test_only_one_account_confirms_an_address(settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    links = []
    for name in ("first", "second"):
        owner = User.objects.create_user(f"{name}@example.org", PASSWORD)
        pending = EmailAddress.objects.create(user=owner, email=EMAIL)
        links.append(f"/confirm-email/{EmailConfirmationHMAC(pending).key}/")
    answers = run_concurrently(2, lambda number: client().post(links[number]))
    assert all(answer.status_code < 500 for answer in answers)
    assert EmailAddress.objects.filter(email=EMAIL, verified=True).count() == 1
    assert User.objects.filter(email=EMAIL).count() == 1


def test_concurrent_changes_of_the_address_leave_one_pending(settings: Settings) -> None:
    owner = User.objects.create_user("owner@example.org", PASSWORD)
    browsers = [client() for _ in range(8)]
    for browser in browsers:
        browser.post("/sign-in/", {"login": owner.email, "password": PASSWORD})
    answers = run_concurrently(
        8,
        lambda number: browsers[number].post(
            "/account/email/", {"email": f"new{number}@example.org", "action_add": "1"}
        ),
    )
    assert all(answer.status_code < 500 for answer in answers)
    assert EmailAddress.objects.filter(user=owner, verified=False).count() == 1
