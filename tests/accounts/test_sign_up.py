"""Signing up, confirming the address, signing in, and what strangers learn from it."""

import re
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.models import Plan, User
from accounts.security_log import Kind

EMAIL = "new@example.org"
PASSWORD = "correct horse battery"
KEYS = "/dashboard/developer/api-keys/"
FAILURES_ALLOWED = 5


def text(response: Any) -> str:
    return str(response.content.decode())


def link(message: Any = None) -> str:
    """Return the path of the link in a mail, the latest one if none is given."""
    message = message or mail.outbox[-1]
    found = re.search(r"http://testserver(\S+)", message.body)
    assert found, message.body
    return found[1]


def sign_up(client: Client, email: str = EMAIL, password: str = PASSWORD) -> Any:
    return client.post("/sign-up/", {"email": email, "password1": password})


def sign_in(client: Client, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/sign-in/", {"login": email, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return client.get(KEYS).status_code == 200


@pytest.fixture
def confirming(settings: Any) -> None:
    """Ask for confirmed addresses, as the service does once it can send mail."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


@pytest.fixture
def owner(alice: User) -> User:
    alice.set_password(PASSWORD)
    alice.save()
    return alice


def test_up_confirmed_and_in(db: None, confirming: None) -> None:
    client = Client()
    answer = sign_up(client, "New@Example.org")
    assert answer.headers["Location"] == "/sign-up/confirm/"
    assert "Look into your mail" in text(client.get("/sign-up/confirm/"))
    user = User.objects.get()
    assert user.email == EMAIL
    assert user.plan == Plan.objects.default()
    assert user.check_password(PASSWORD)
    assert not user.is_staff
    assert not is_signed_in(client)
    assert sign_in(client).headers["Location"] == "/sign-up/confirm/"
    assert not is_signed_in(client)
    assert mail.outbox[0].to == [EMAIL]
    page = client.get(link(mail.outbox[0]))
    assert EMAIL in text(page)
    client.post(link(mail.outbox[0]))
    assert sign_in(client).headers["Location"] == KEYS
    assert is_signed_in(client)
    assert Kind.EMAIL_CONFIRMED in {event.kind for event in user.security_events.all()}


def test_without_mail_one_is_in_at_once(db: None) -> None:
    client = Client()
    sign_up(client)
    assert is_signed_in(client)
    assert mail.outbox


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("nonsense", PASSWORD, "id_email_error"),
        ("", PASSWORD, "id_email_error"),
        (EMAIL, "", "id_password1_error"),
        (EMAIL, "password", "id_password1_error"),
        (EMAIL, "new@example.org", "id_password1_error"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field(
    db: None, email: str, password: str, field: str
) -> None:
    answer = text(sign_up(Client(), email, password))
    assert f'id="{field}"' in answer
    assert re.search(r"<input[^>]*autofocus[^>]*>", answer)[0].count(field) == 1  # type: ignore[index]
    assert not User.objects.exists()


def test_a_taken_address_answers_as_a_free_one(owner: User, confirming: None) -> None:
    taken, free = Client(), Client()
    answers = [sign_up(taken, owner.email), sign_up(free)]
    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [
        (302, "/sign-up/confirm/")
    ] * 2
    assert mail.outbox[0].to == [owner.email]
    assert "has an account already" in mail.outbox[0].body
    assert User.objects.filter(email=owner.email).count() == 1
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)


def test_forms_need_a_csrf_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    for path in ("/sign-up/", "/sign-in/", "/forgotten-password/"):
        assert client.post(path, {"login": owner.email, "password": PASSWORD}).status_code == 403


def test_a_wrong_password_and_a_wrong_address_are_told_apart_by_nothing(owner: User) -> None:
    wrong = sign_in(Client(), owner.email, "wrong")
    nobody = sign_in(Client(), "nobody@example.org", "wrong")
    for answer in (wrong, nobody):
        assert answer.status_code == 200
        assert "The e-mail address or the password is not right." in text(answer)


def test_guessing_is_throttled_also_for_the_right_password(owner: User) -> None:
    for number in range(FAILURES_ALLOWED):
        sign_in(Client(), owner.email, f"wrong {number}")
    client = Client(REMOTE_ADDR="192.0.2.9")
    assert "Too many sign-ins have failed" in text(sign_in(client, owner.email))
    assert not is_signed_in(client)
    cache.clear()
    sign_in(client, owner.email)
    assert is_signed_in(client)


def test_one_address_cannot_try_all_accounts(db: None) -> None:
    answers = [sign_in(Client(), f"{number}@example.org", "wrong") for number in range(31)]
    assert "Too many sign-ins have failed" in text(answers[10])
    assert answers[30].status_code == 429
    assert "Too many tries" in text(answers[30])


def test_a_disabled_account_does_not_get_in(owner: User) -> None:
    User.objects.filter(id=owner.id).update(is_active=False)
    client = Client()
    assert sign_in(client, owner.email).headers["Location"] == "/disabled/"
    assert "disabled" in text(client.get("/disabled/"))
    assert not is_signed_in(client)


def test_one_goes_on_where_one_wanted_to_and_nowhere_else(owner: User) -> None:
    here = sign_in(Client(), owner.email, next="/dashboard/security-log/")
    assert here.headers["Location"] == "/dashboard/security-log/"
    away = sign_in(Client(), owner.email, next="https://evil.example/")
    assert away.headers["Location"] == KEYS


def test_signing_out_takes_a_post(owner: User) -> None:
    client = Client()
    sign_in(client, owner.email)
    assert "Sign out?" in text(client.get("/sign-out/"))
    assert is_signed_in(client)
    client.post("/sign-out/")
    assert not is_signed_in(client)


def test_accounts_that_the_operator_made_are_confirmed(confirming: None, make_user: Any) -> None:
    make_user(EMAIL, PASSWORD)
    client = Client()
    sign_in(client)
    assert is_signed_in(client)
    assert mail.outbox == []


def test_staff_sign_in_as_everybody_does(db: None) -> None:
    User.objects.create_superuser(EMAIL, PASSWORD)
    client = Client()
    assert client.get("/admin/").status_code == 302
    assert (
        client.get("/admin/login/?next=/admin/").headers["Location"].startswith("/sign-in/?next=")
    )
    answer = sign_in(client, next="/admin/")
    assert answer.headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


class TestForgottenPassword:
    def test_a_link_sets_a_new_one_once(self, owner: User) -> None:
        client = Client()
        asked = client.post("/forgotten-password/", {"email": "ALICE@example.org"}, follow=True)
        assert "Look into your mail" in text(asked)
        path = link()
        form = client.get(path, follow=True)
        form_path = form.redirect_chain[-1][0]
        weak = client.post(form_path, {"password1": "x", "password2": "x"})
        assert "id_password1_error" in text(weak)
        new = {"password1": "a new long phrase", "password2": "a new long phrase"}
        assert "is set" in text(client.post(form_path, new, follow=True))
        owner.refresh_from_db()
        assert owner.check_password("a new long phrase")
        assert "no longer works" in text(Client().get(path, follow=True))

    def test_it_tells_nobody_who_has_an_account(self, owner: User) -> None:
        known = Client().post("/forgotten-password/", {"email": owner.email})
        unknown = Client().post("/forgotten-password/", {"email": "nobody@example.org"})
        assert known.headers["Location"] == unknown.headers["Location"]

    def test_links_name_the_public_address(self, owner: User) -> None:
        Client().post("/forgotten-password/", {"email": owner.email}, headers={"host": "localhost"})
        assert "http://testserver/forgotten-password/" in mail.outbox[-1].body

    def test_a_made_up_link_is_refused(self, owner: User) -> None:
        page = Client().get(f"/forgotten-password/{owner.id.hex}-abc-def/")
        assert "no longer works" in text(page)
