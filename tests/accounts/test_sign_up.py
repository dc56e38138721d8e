"""Signing up, confirming the address, signing in, and what these tell a stranger."""

import io
import re
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Plan, User
from securitylog.security_events import EMAIL_CONFIRMED
from tests.conftest import PASSWORD
from tests.jobs import delivered

EMAIL = "new@example.org"
KEYS = "/dashboard/developer/api-keys/"
FAILURES_ALLOWED = 5


def text(response: Any) -> str:
    return str(response.content.decode())


def link(message: Any = None) -> str:
    """Return the path of the link in the given message, or else in the latest."""
    message = message or delivered()[-1]
    url = re.search(r"http://testserver(\S+)", message.body)
    assert url, message.body
    return url[1]


def sign_up(client: Client, email: str = EMAIL, password: str = PASSWORD) -> Any:
    return client.post("/sign-up/", {"email": email, "password1": password})


def sign_in(client: Client, email: str = EMAIL, password: str = PASSWORD, **fields: Any) -> Any:
    return client.post("/sign-in/", {"login": email, "password": password, **fields})


def is_signed_in(client: Client) -> bool:
    return client.get(KEYS).status_code == 200


@pytest.fixture
def requires_confirmation(settings: Any) -> None:
    """Require confirmed addresses, as the service does when it can send mail."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


def test_new_account_signs_in_once_its_address_is_confirmed(
    db: None, requires_confirmation: None
) -> None:
    client = Client()
    answer = sign_up(client, "New@Example.org")
    assert answer.headers["Location"] == "/sign-up/confirm/"
    assert "Check your e-mail" in text(client.get("/sign-up/confirm/"))
    user = User.objects.get()
    assert user.email == EMAIL
    assert user.plan == Plan.objects.default()
    assert user.check_password(PASSWORD)
    assert not user.is_staff
    assert not is_signed_in(client)
    sign_in(client)
    assert not is_signed_in(client)
    assert delivered()[0].to == [EMAIL]
    page = client.get(link(delivered()[0]))
    assert EMAIL in text(page)
    client.post(link(delivered()[0]))
    assert sign_in(client).headers["Location"] == "/dashboard/"
    assert is_signed_in(client)
    assert EMAIL_CONFIRMED in {event.kind for event in user.security_events.all()}


def test_sign_up_signs_in_at_once_if_no_mail_can_be_sent(db: None) -> None:
    client = Client()
    sign_up(client)
    assert is_signed_in(client)
    assert delivered()


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
def test_invalid_field_gets_an_error_and_the_focus(
    db: None, email: str, password: str, field: str
) -> None:
    answer = text(sign_up(Client(), email, password))
    assert f'id="{field}"' in answer
    assert re.search(r"<input[^>]*autofocus[^>]*>", answer)[0].count(field) == 1  # type: ignore[index]
    assert not User.objects.exists()


def test_taken_address_is_answered_like_a_free_one(
    owner: User, requires_confirmation: None
) -> None:
    taken, free = Client(), Client()
    answers = [sign_up(taken, owner.email), sign_up(free)]
    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [
        (302, "/sign-up/confirm/")
    ] * 2
    assert delivered()[0].to == [owner.email]
    assert "already has an account" in delivered()[0].body
    assert User.objects.filter(email=owner.email).count() == 1
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)


def test_a_later_sign_in_does_not_tell_which_address_was_free(
    owner: User, requires_confirmation: None
) -> None:
    """The right password of an unconfirmed account and a wrong one of another are answered alike.

    So is every further attempt, the throttled ones included.
    """
    for email in (owner.email, EMAIL):
        sign_up(Client(), email, "my own password")
    before = len(delivered())
    for _ in range(FAILURES_ALLOWED + 1):
        answers = [sign_in(Client(), email, "my own password") for email in (owner.email, EMAIL)]
        shown = [
            re.sub('value="[^"]*"|nonce="[^"]*"', "", text(answer).replace(owner.email, EMAIL))
            for answer in answers
        ]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert shown[0] == shown[1]
        assert set(answers[0].cookies) == set(answers[1].cookies)
    assert len(delivered()) == before  # the link of the sign-up was sent a moment ago


def test_sign_up_hashes_a_password_for_a_taken_address_too(
    owner: User, requires_confirmation: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed_for = []
    set_password = User.set_password

    def set_and_note(user: User, password: str | None) -> None:
        hashed_for.append(user.email)
        set_password(user, password)

    monkeypatch.setattr(User, "set_password", set_and_note)
    for email in (owner.email, EMAIL):
        sign_up(Client(), email)
    assert len(hashed_for) == 2


def test_forms_need_a_csrf_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    for path in ("/sign-up/", "/sign-in/", "/forgotten-password/"):
        assert client.post(path, {"login": owner.email, "password": PASSWORD}).status_code == 403


def test_wrong_password_and_unknown_address_get_the_same_answer(owner: User) -> None:
    wrong = sign_in(Client(), owner.email, "wrong")
    unknown = sign_in(Client(), "nobody@example.org", "wrong")
    for answer in (wrong, unknown):
        assert answer.status_code == 200
        assert "The e-mail address or the password is wrong." in text(answer)


def test_throttled_account_refuses_the_right_password_too(owner: User) -> None:
    for number in range(FAILURES_ALLOWED):
        sign_in(Client(), owner.email, f"wrong {number}")
    client = Client(REMOTE_ADDR="192.0.2.9")
    assert "Too many sign-ins have failed" in text(sign_in(client, owner.email))
    assert not is_signed_in(client)
    cache.clear()
    sign_in(client, owner.email)
    assert is_signed_in(client)


def test_one_ip_address_cannot_try_many_accounts(db: None) -> None:
    answers = [sign_in(Client(), f"{number}@example.org", "wrong") for number in range(31)]
    assert "Too many sign-ins have failed" in text(answers[10])
    assert answers[30].status_code == 429
    assert "Too many attempts" in text(answers[30])


def test_disabled_account_cannot_sign_in(owner: User) -> None:
    User.objects.filter(id=owner.id).update(is_active=False)
    client = Client()
    assert sign_in(client, owner.email).headers["Location"] == "/disabled/"
    assert "disabled" in text(client.get("/disabled/"))
    assert not is_signed_in(client)


def test_sign_in_continues_to_pages_of_this_site_only(owner: User) -> None:
    inside = sign_in(Client(), owner.email, next="/dashboard/security-log/")
    assert inside.headers["Location"] == "/dashboard/security-log/"
    outside = sign_in(Client(), owner.email, next="https://evil.example/")
    assert outside.headers["Location"] == "/dashboard/"


def test_signing_out_needs_a_post(owner: User) -> None:
    client = Client()
    sign_in(client, owner.email)
    assert "Sign out?" in text(client.get("/sign-out/"))
    assert is_signed_in(client)
    client.post("/sign-out/")
    assert not is_signed_in(client)


def test_accounts_created_by_the_operator_are_confirmed(
    requires_confirmation: None, make_user: Any
) -> None:
    make_user(EMAIL, PASSWORD)
    client = Client()
    sign_in(client)
    assert is_signed_in(client)
    assert delivered() == []


def test_staff_sign_in_on_the_same_page(db: None) -> None:
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
    def test_link_sets_a_new_password_once(self, owner: User) -> None:
        client = Client()
        asked = client.post("/forgotten-password/", {"email": "ALICE@example.org"}, follow=True)
        assert "Check your e-mail" in text(asked)
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

    def test_answer_does_not_tell_who_has_an_account(self, owner: User) -> None:
        known = Client().post("/forgotten-password/", {"email": owner.email})
        unknown = Client().post("/forgotten-password/", {"email": "nobody@example.org"})
        assert known.headers["Location"] == unknown.headers["Location"]

    def test_link_has_the_public_address_whatever_the_host(self, owner: User) -> None:
        Client().post("/forgotten-password/", {"email": owner.email}, headers={"host": "localhost"})
        assert "http://testserver/forgotten-password/" in delivered()[-1].body

    def test_invented_link_is_refused(self, owner: User) -> None:
        page = Client().get(f"/forgotten-password/{owner.id.hex}-abc-def/")
        assert "no longer works" in text(page)


class TestClosedSignUp:
    @pytest.fixture(autouse=True)
    def _closed(self, settings: Any) -> None:
        settings.SIGN_UP_IS_OPEN = False

    def test_sign_up_is_refused(self, db: None) -> None:
        assert "Sign-up is closed" in text(Client().get("/sign-up/"))
        assert "Sign-up is closed" in text(sign_up(Client()))
        assert not User.objects.exists()

    def test_sign_in_page_does_not_offer_it(self, db: None) -> None:
        assert "/sign-up/" not in text(Client().get("/sign-in/"))

    def test_command_line_still_creates_accounts(
        self, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
        call_command("create_account", EMAIL, "--password-stdin", stdout=io.StringIO())
        client = Client()
        sign_in(client)
        assert is_signed_in(client)

    def test_staff_still_create_accounts(self, make_user: Any) -> None:
        client = Client()
        client.force_login(User.objects.create_superuser("staff@example.org"))
        account = {"email": EMAIL, "plan": Plan.objects.default().pk, "usable_password": "false"}
        client.post("/admin/accounts/user/add/", account)
        assert User.objects.filter(email=EMAIL).exists()


def test_sign_in_page_offers_an_open_sign_up(db: None) -> None:
    assert 'href="/sign-up/"' in text(Client().get("/sign-in/"))


def test_a_forgotten_password_is_as_much_work_for_an_unknown_address(owner: User) -> None:
    def statements(email: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            Client().post("/forgotten-password/", {"email": email})
        return len(queries)

    assert statements("nobody@example.org") == statements(owner.email)
