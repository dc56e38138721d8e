"""The account's own pages: password, address, second factors, sessions, and asking who is there."""

import json
import re
import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.usersessions.models import UserSession
from django.contrib.staticfiles import finders
from django.core import mail
from django.test import Client

from accounts.models import User
from accounts.security_log import Kind
from tests.accounts.test_sign_up import KEYS, PASSWORD, is_signed_in, link, sign_in, text

ACCOUNT = "/account/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
PAGES = [
    ACCOUNT,
    "/account/email/",
    "/account/password/",
    "/account/two-factor/",
    "/account/two-factor/totp/activate/",
    "/account/two-factor/webauthn/",
    "/account/two-factor/webauthn/add/",
    "/account/sessions/",
    "/account/delete/",
]
NO_PASSKEYS = [
    *("", "{}", "nonsense", "1", "[]", '{"id": "x"}', '{"response": {}}', '{"response": null}'),
    '{"id": "YQ", "rawId": "YQ", "response": {"userHandle": "YQ"}}',
    '{"id": "YQ", "rawId": "YQ", "response": {"attestationObject": "YQ", "clientDataJSON": "YQ"}}',
]


@pytest.fixture
def owner(alice: User) -> User:
    alice.set_password(PASSWORD)
    alice.save()
    return alice


@pytest.fixture
def client(owner: User) -> Client:
    client = Client(HTTP_USER_AGENT=FIREFOX)
    sign_in(client, owner.email)
    return client


def kinds(user: User) -> list[str]:
    return [event.kind for event in user.security_events.order_by("id")]


def grow_old(client: Client) -> None:
    """Make the session one of yesterday."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - 24 * 3600
    session.save()


def code_for(secret: str) -> str:
    counter = next(yield_hotp_counters_from_time())
    return str(format_hotp_value(hotp_value(secret, counter)))


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_for_those_signed_in(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200
    sent = Client().get(path)
    assert sent.status_code == 302
    assert sent.headers["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize("path", [*PAGES[1:], "/account/export/"])
def test_each_form_needs_a_csrf_token(browser: Client, path: str) -> None:
    assert browser.post(path).status_code == 403


class TestPassword:
    def change(self, client: Client, old: str, new: str, again: str) -> Any:
        data = {"oldpassword": old, "password1": new, "password2": again}
        return client.post("/account/password/", data)

    def test_it_changes_and_ends_the_other_sessions(self, client: Client, owner: User) -> None:
        other = Client()
        sign_in(other, owner.email)
        answer = self.change(client, PASSWORD, "a new long phrase", "a new long phrase")
        assert answer.headers["Location"] == ACCOUNT
        assert "Your password is changed." in text(client.get(ACCOUNT))
        assert is_signed_in(client)
        assert not is_signed_in(other)
        owner.refresh_from_db()
        assert owner.check_password("a new long phrase")
        assert kinds(owner)[-1] == Kind.PASSWORD_CHANGED
        assert mail.outbox[-1].to == [owner.email]

    @pytest.mark.parametrize(
        ("old", "new", "again", "field"),
        [
            ("wrong", "a new long phrase", "a new long phrase", "id_oldpassword_error"),
            (PASSWORD, "short", "short", "id_password1_error"),
            (PASSWORD, "a new long phrase", "another phrase", "id_password2_error"),
        ],
    )
    def test_what_does_not_fit_is_said(
        self, client: Client, owner: User, old: str, new: str, again: str, field: str
    ) -> None:
        assert f'id="{field}"' in text(self.change(client, old, new, again))
        owner.refresh_from_db()
        assert owner.check_password(PASSWORD)


class TestAddress:
    def ask(self, client: Client, email: str) -> Any:
        return client.post("/account/email/", {"email": email, "action_add": "1"}, follow=True)

    def test_it_changes_once_the_new_one_is_confirmed(self, client: Client, owner: User) -> None:
        assert "Waiting for you to confirm" in text(self.ask(client, "New@example.org"))
        owner.refresh_from_db()
        assert owner.email == "alice@example.org"
        client.post(link())
        owner.refresh_from_db()
        assert owner.email == "new@example.org"
        assert [address.email for address in EmailAddress.objects.all()] == ["new@example.org"]
        assert "changed from alice@example.org" in owner.security_events.latest("id").sentence
        client.post("/sign-out/")
        sign_in(client, "new@example.org")
        assert is_signed_in(client)

    def test_the_old_one_may_be_kept(self, client: Client, owner: User) -> None:
        self.ask(client, "new@example.org")
        client.post("/account/email/", {"email": "new@example.org", "action_remove": "1"})
        assert [address.email for address in EmailAddress.objects.all()] == [owner.email]

    def test_a_strangers_address_is_not_taken(
        self, client: Client, owner: User, stranger: User
    ) -> None:
        self.ask(client, stranger.email)
        client.post(link())
        owner.refresh_from_db()
        stranger.refresh_from_db()
        assert (owner.email, stranger.email) == ("alice@example.org", "stranger@example.org")

    def test_an_old_session_is_asked_first(self, client: Client, owner: User) -> None:
        grow_old(client)
        client.post("/account/email/", {"email": "new@example.org", "action_add": "1"})
        assert not EmailAddress.objects.filter(email="new@example.org").exists()

    def test_staffs_change_keeps_the_confirmed_address_in_step(
        self, client: Client, owner: User
    ) -> None:
        self.ask(client, "pending@example.org")
        owner.email = "new@example.org"
        owner.save()
        owner.confirm_email()
        (address,) = EmailAddress.objects.all()
        assert (address.email, address.verified, address.primary) == ("new@example.org", True, True)


class TestAuthenticatorApp:
    @pytest.fixture
    def codes(self, client: Client, owner: User) -> list[str]:
        """Turn it on through the pages; return the recovery codes shown then."""
        page = text(client.get("/account/two-factor/totp/activate/"))
        secret = re.search(r'class="secret">(\w+)<', page)
        assert secret
        wrong = client.post("/account/two-factor/totp/activate/", {"code": "000000"})
        assert 'id="id_code_error"' in text(wrong)
        right = {"code": code_for(secret[1])}
        shown = text(client.post("/account/two-factor/totp/activate/", right, follow=True))
        self.secret = secret[1]
        return re.findall(r"\b\d{8}\b", shown)

    def test_it_is_asked_for_after_the_password(
        self, transactional_db: None, client: Client, owner: User, codes: list[str]
    ) -> None:
        assert Kind.TWO_FACTOR_ADDED in kinds(owner)
        other = Client()
        assert (
            sign_in(other, owner.email).headers["Location"] == "/account/two-factor/authenticate/"
        )
        assert not is_signed_in(other)
        here = "/account/two-factor/authenticate/"
        assert "Second step" in text(other.get(here))
        wrong = other.post(here, {"code": "abc"})
        assert "The code is not right" in text(wrong)
        assert kinds(owner)[-1] == Kind.TWO_FACTOR_FAILED
        assert not is_signed_in(other)
        other.post(here, {"code": code_for(self.secret)})
        assert is_signed_in(other)

    def test_a_recovery_code_works_once(
        self, client: Client, owner: User, codes: list[str]
    ) -> None:
        assert len(codes) == 10
        for expected in (True, False):
            other = Client()
            sign_in(other, owner.email)
            other.post("/account/two-factor/authenticate/", {"code": codes[0]})
            assert is_signed_in(other) is expected

    def test_it_is_turned_off(self, client: Client, owner: User, codes: list[str]) -> None:
        path = "/account/two-factor/totp/deactivate/"
        assert "Turn the authenticator app off?" in text(client.get(path))
        client.post(path)
        assert kinds(owner)[-1] == Kind.TWO_FACTOR_REMOVED
        other = Client()
        sign_in(other, owner.email)
        assert is_signed_in(other)

    def test_new_recovery_codes_end_the_old_ones(
        self, client: Client, owner: User, codes: list[str]
    ) -> None:
        path = "/account/two-factor/recovery-codes/generate/"
        assert "stop working at once" in text(client.get(path))
        shown = text(client.post(path, follow=True))
        assert codes[0] not in shown
        download = client.get("/account/two-factor/recovery-codes/download/")
        assert len(re.findall(r"\b\d{8}\b", text(download))) == 10

    def test_an_old_session_sees_no_codes(
        self, client: Client, owner: User, codes: list[str]
    ) -> None:
        grow_old(client)
        answer = client.get("/account/two-factor/recovery-codes/", follow=True)
        assert codes[0] not in text(answer)
        assert "Confirm that it is you" in text(answer)

    def test_a_code_works_once_in_signing_in_too(self, owner: User) -> None:
        TOTP.activate(owner, "JBSWY3DPEHPK3PXP")
        RecoveryCodes.activate(owner)
        first, second = Client(), Client()
        for client in (first, second):
            sign_in(client, owner.email)
        code = {"code": code_for("JBSWY3DPEHPK3PXP")}
        for client, expected in ((first, True), (second, False)):
            client.post("/account/two-factor/authenticate/", code)
            assert is_signed_in(client) is expected


class TestPasskeys:
    def test_the_page_offers_what_its_scripts_need(self, client: Client) -> None:
        page = client.get("/account/two-factor/webauthn/add/")
        options = re.search(r'<script id="js_data"[^>]*>(.*?)</script>', text(page))
        assert options
        assert json.loads(options[1])["creation_options"]["publicKey"]["challenge"]
        sources = re.findall(r'<script src="/static/([^"]+)"', text(page))
        assert "mfa/js/webauthn.js" in sources
        assert all(finders.find(source) for source in sources)
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]

    def test_what_is_no_passkey_adds_none(self, client: Client) -> None:
        client.get("/account/two-factor/webauthn/add/")
        for credential in NO_PASSKEYS:
            data = {"name": "x", "credential": credential}
            assert client.post("/account/two-factor/webauthn/add/", data).status_code == 200
        assert not Authenticator.objects.exists()

    @pytest.mark.parametrize("credential", NO_PASSKEYS)
    def test_nobody_gets_in_with_what_is_none(self, db: None, credential: str) -> None:
        client = Client()
        answer = client.post("/account/two-factor/webauthn/login/", {"credential": credential})
        assert answer.headers["Location"] == "/sign-in/"
        assert not is_signed_in(client)

    def test_a_stranger_finds_none_of_mine(self, owner: User, stranger: User) -> None:
        mine = Authenticator.objects.create(user=owner, type="webauthn", data={"name": "Phone"})
        client = Client()
        client.force_login(stranger)
        for deed in ("edit", "remove"):
            path = f"/account/two-factor/webauthn/keys/{mine.pk}/{deed}/"
            assert client.get(path).status_code == 404
            assert client.post(path, {"name": "x"}).status_code == 404
        assert "Phone" not in text(client.get("/account/two-factor/webauthn/"))
        mine.refresh_from_db()
        assert mine.data == {"name": "Phone"}


class TestSessions:
    def test_they_are_listed_and_ended_elsewhere(
        self, client: Client, owner: User, stranger: User
    ) -> None:
        other = Client(HTTP_USER_AGENT="curl/8.1", REMOTE_ADDR="192.0.2.7")
        sign_in(other, owner.email)
        page = text(client.get("/account/sessions/"))
        assert "Firefox on Linux" in page
        assert "192.0.2.7" in page
        answer = client.post("/account/sessions/", follow=True)
        assert "You are signed out everywhere else." in text(answer)
        assert not is_signed_in(other)
        assert is_signed_in(client)
        assert kinds(owner)[-1] == Kind.SIGNED_OUT_ELSEWHERE
        assert "Sign out elsewhere" not in text(answer)

    def test_a_stranger_neither_sees_nor_ends_mine(
        self, client: Client, stranger: User, strangers_browser: Client
    ) -> None:
        assert "Firefox on Linux" not in text(strangers_browser.get("/account/sessions/"))
        strangers_browser.post("/account/sessions/")
        assert is_signed_in(client)

    def test_addresses_come_from_trusted_proxies_only(self, owner: User, settings: Any) -> None:
        for count in (0, 1):
            settings.ALLAUTH_TRUSTED_PROXY_COUNT = count
            client = Client(headers={"x-forwarded-for": "198.51.100.1, 203.0.113.5"})
            sign_in(client, owner.email)
        found = [session.ip for session in UserSession.objects.order_by("id")]
        assert found == ["127.0.0.1", "203.0.113.5"]

    def test_behind_a_socket_one_gets_in_too(self, owner: User) -> None:
        client = Client(REMOTE_ADDR="")
        sign_in(client, owner.email)
        assert is_signed_in(client)


class TestFreshSignIn:
    CREATE = f"{KEYS}create/"

    def test_signing_in_is_fresh(self, client: Client) -> None:
        assert client.get(self.CREATE).status_code == 200

    def test_an_old_session_is_asked_and_goes_on(self, client: Client, owner: User) -> None:
        grow_old(client)
        asked = client.post(self.CREATE, {"name": "Production"}, follow=True)
        here = asked.redirect_chain[-1][0]
        assert here.startswith("/account/confirm/?next=")
        assert not owner.api_keys.exists()
        wrong = client.post(here, {"password": "wrong"})
        assert "The password is not right." in text(wrong)
        assert not owner.api_keys.exists()
        done = client.post(here, {"password": PASSWORD})
        assert done.status_code == 201
        assert owner.api_keys.get().name == "Production"
        assert client.get(self.CREATE).status_code == 200

    def test_one_accounts_confirmation_is_no_others(
        self, client: Client, stranger: User, owner: User
    ) -> None:
        grow_old(client)
        session = client.session
        session["account_authentication_methods"][0]["at"] = time.time()
        session["account_authentication_methods_user"] = stranger.id.hex
        session.save()
        assert client.get(self.CREATE).status_code == 302

    def test_guessing_is_throttled(self, client: Client) -> None:
        grow_old(client)
        answers = [client.post("/account/confirm/", {"password": "x"}) for _ in range(11)]
        assert "Too many" in text(answers[-1])
