"""The account pages: password, address, second factors, sessions, and confirming who one is."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
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
from django.test import Client
from django.utils import timezone

from accounts.models import User
from securitylog.security_events import (
    PASSWORD_CHANGED,
    SIGNED_OUT_ELSEWHERE,
    TWO_FACTOR_ADDED,
    TWO_FACTOR_FAILED,
    TWO_FACTOR_REMOVED,
)
from tests.accounts.test_sign_up import KEYS, is_signed_in, link, sign_in, text
from tests.conftest import PASSWORD
from tests.jobs import delivered

ACCOUNT = "/account/"
AUTHENTICATE = "/account/two-factor/authenticate/"
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
MALFORMED_CREDENTIALS = [
    *("", "{}", "nonsense", "1", "[]", '{"id": "x"}', '{"response": {}}', '{"response": null}'),
    '{"id": "YQ", "rawId": "YQ", "response": {"userHandle": "YQ"}}',
    '{"id": "YQ", "rawId": "YQ", "response": {"attestationObject": "YQ", "clientDataJSON": "YQ"}}',
]


@pytest.fixture
def client(owner: User) -> Client:
    client = Client(HTTP_USER_AGENT=FIREFOX)
    sign_in(client, owner.email)
    return client


def kinds(user: User) -> list[str]:
    return [event.kind for event in user.security_events.order_by("id")]


def make_session_stale(client: Client) -> None:
    """Date the session's sign-in back by a day, so that it is not fresh."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - 24 * 3600
    session.save()


def code_for(secret: str, *, steps_ahead: int = 0) -> str:
    """Return the app's code of this step of the clock, or of one that is accepted already."""
    _, now, following = yield_hotp_counters_from_time()
    return str(format_hotp_value(hotp_value(secret, (now, following)[steps_ahead])))


@pytest.mark.parametrize("path", PAGES)
def test_page_needs_a_signed_in_user(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200
    redirect = Client().get(path)
    assert redirect.status_code == 302
    assert redirect.headers["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize("path", [*PAGES[1:], "/account/export/"])
def test_form_needs_a_csrf_token(browser: Client, path: str) -> None:
    assert browser.post(path).status_code == 403


class TestPassword:
    def change(self, client: Client, old: str, new: str, again: str) -> Any:
        data = {"oldpassword": old, "password1": new, "password2": again}
        return client.post("/account/password/", data)

    def test_change_ends_the_other_sessions(self, client: Client, owner: User) -> None:
        elsewhere = Client()
        sign_in(elsewhere, owner.email)
        answer = self.change(client, PASSWORD, "a new long phrase", "a new long phrase")
        assert answer.headers["Location"] == ACCOUNT
        assert "Your password has been changed." in text(client.get(ACCOUNT))
        assert is_signed_in(client)
        assert not is_signed_in(elsewhere)
        owner.refresh_from_db()
        assert owner.check_password("a new long phrase")
        assert kinds(owner)[-1] == PASSWORD_CHANGED
        assert delivered()[-1].to == [owner.email]

    def test_mail_about_the_change_tells_the_time_in_utc(self, client: Client) -> None:
        client.cookies["zone"] = "Asia/Kolkata"
        self.change(client, PASSWORD, "a new long phrase", "a new long phrase")
        when = re.search(r"When: (.+ UTC)\n", str(delivered()[-1].body))
        assert when
        sent_at = datetime.strptime(when[1], "%Y-%m-%d %H:%M %Z").replace(tzinfo=UTC)
        assert abs(timezone.now() - sent_at) < timedelta(hours=1)

    @pytest.mark.parametrize(
        ("old", "new", "again", "field"),
        [
            ("wrong", "a new long phrase", "a new long phrase", "id_oldpassword_error"),
            (PASSWORD, "short", "short", "id_password1_error"),
            (PASSWORD, "a new long phrase", "another phrase", "id_password2_error"),
        ],
    )
    def test_invalid_input_changes_nothing(
        self, client: Client, owner: User, old: str, new: str, again: str, field: str
    ) -> None:
        assert f'id="{field}"' in text(self.change(client, old, new, again))
        owner.refresh_from_db()
        assert owner.check_password(PASSWORD)


class TestAddress:
    def ask(self, client: Client, email: str) -> Any:
        return client.post("/account/email/", {"email": email, "action_add": "1"}, follow=True)

    def test_new_address_replaces_the_old_one_once_confirmed(
        self, client: Client, owner: User
    ) -> None:
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

    def test_pending_change_can_be_cancelled(self, client: Client, owner: User) -> None:
        self.ask(client, "new@example.org")
        client.post("/account/email/", {"email": "new@example.org", "action_remove": "1"})
        assert [address.email for address in EmailAddress.objects.all()] == [owner.email]

    def test_address_of_another_account_is_refused(
        self, client: Client, owner: User, stranger: User
    ) -> None:
        self.ask(client, stranger.email)
        client.post(link())
        owner.refresh_from_db()
        stranger.refresh_from_db()
        assert (owner.email, stranger.email) == ("alice@example.org", "stranger@example.org")

    def test_stale_session_cannot_change_the_address(self, client: Client, owner: User) -> None:
        make_session_stale(client)
        client.post("/account/email/", {"email": "new@example.org", "action_add": "1"})
        assert not EmailAddress.objects.filter(email="new@example.org").exists()

    def test_change_by_staff_replaces_the_confirmed_address(
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
        """Set the app up through the pages; return the recovery codes that are then shown."""
        page = text(client.get("/account/two-factor/totp/activate/"))
        secret = re.search(r'class="secret">(\w+)<', page)
        assert secret
        wrong = client.post("/account/two-factor/totp/activate/", {"code": "000000"})
        assert 'id="id_code_error"' in text(wrong)
        right = {"code": code_for(secret[1])}
        shown = text(client.post("/account/two-factor/totp/activate/", right, follow=True))
        self.secret = secret[1]
        return re.findall(r"\b\d{8}\b", shown)

    def test_code_is_asked_for_after_the_password(
        self, transactional_db: None, client: Client, owner: User, codes: list[str]
    ) -> None:
        assert TWO_FACTOR_ADDED in kinds(owner)
        second = Client()
        assert sign_in(second, owner.email).headers["Location"] == AUTHENTICATE
        assert not is_signed_in(second)
        assert "Second step" in text(second.get(AUTHENTICATE))
        wrong = second.post(AUTHENTICATE, {"code": "abc"})
        assert "The code is wrong" in text(wrong)
        assert kinds(owner)[-1] == TWO_FACTOR_FAILED
        assert not is_signed_in(second)
        second.post(AUTHENTICATE, {"code": code_for(self.secret, steps_ahead=1)})
        assert is_signed_in(second)

    def test_recovery_code_works_once(self, client: Client, owner: User, codes: list[str]) -> None:
        assert len(codes) == 10
        for expected in (True, False):
            second = Client()
            sign_in(second, owner.email)
            second.post(AUTHENTICATE, {"code": codes[0]})
            assert is_signed_in(second) is expected

    def test_app_can_be_turned_off(self, client: Client, owner: User, codes: list[str]) -> None:
        path = "/account/two-factor/totp/deactivate/"
        assert "Turn the authenticator app off?" in text(client.get(path))
        client.post(path)
        assert kinds(owner)[-1] == TWO_FACTOR_REMOVED
        second = Client()
        sign_in(second, owner.email)
        assert is_signed_in(second)

    def test_new_recovery_codes_replace_the_old_ones(
        self, client: Client, owner: User, codes: list[str]
    ) -> None:
        path = "/account/two-factor/recovery-codes/generate/"
        assert "stop working at once" in text(client.get(path))
        shown = text(client.post(path, follow=True))
        assert codes[0] not in shown
        download = client.get("/account/two-factor/recovery-codes/download/")
        assert len(re.findall(r"\b\d{8}\b", text(download))) == 10

    def test_stale_session_sees_no_recovery_codes(
        self, client: Client, owner: User, codes: list[str]
    ) -> None:
        make_session_stale(client)
        answer = client.get("/account/two-factor/recovery-codes/", follow=True)
        assert codes[0] not in text(answer)
        assert "Confirm that it is you" in text(answer)

    def test_code_of_the_app_works_once(self, owner: User) -> None:
        TOTP.activate(owner, "JBSWY3DPEHPK3PXP")
        RecoveryCodes.activate(owner)
        first, second = Client(), Client()
        for client in (first, second):
            sign_in(client, owner.email)
        code = {"code": code_for("JBSWY3DPEHPK3PXP")}
        for client, expected in ((first, True), (second, False)):
            client.post(AUTHENTICATE, code)
            assert is_signed_in(client) is expected


class TestPasskeys:
    def test_page_has_the_options_and_scripts_that_it_needs(self, client: Client) -> None:
        page = client.get("/account/two-factor/webauthn/add/")
        options = re.search(r'<script id="js_data"[^>]*>(.*?)</script>', text(page))
        assert options
        assert json.loads(options[1])["creation_options"]["publicKey"]["challenge"]
        sources = re.findall(r'<script src="/static/([^"]+)"', text(page))
        assert "mfa/js/webauthn.js" in sources
        assert all(finders.find(source) for source in sources)
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]

    def test_malformed_credential_adds_no_passkey(self, client: Client) -> None:
        client.get("/account/two-factor/webauthn/add/")
        for credential in MALFORMED_CREDENTIALS:
            data = {"name": "x", "credential": credential}
            assert client.post("/account/two-factor/webauthn/add/", data).status_code == 200
        assert not Authenticator.objects.exists()

    @pytest.mark.parametrize("credential", MALFORMED_CREDENTIALS)
    def test_malformed_credential_does_not_sign_in(self, db: None, credential: str) -> None:
        client = Client()
        answer = client.post("/account/two-factor/webauthn/login/", {"credential": credential})
        assert answer.headers["Location"] == "/sign-in/"
        assert not is_signed_in(client)

    def test_stranger_gets_404_for_a_passkey(self, owner: User, stranger: User) -> None:
        passkey = Authenticator.objects.create(user=owner, type="webauthn", data={"name": "Phone"})
        client = Client()
        client.force_login(stranger)
        for action in ("edit", "remove"):
            path = f"/account/two-factor/webauthn/keys/{passkey.pk}/{action}/"
            assert client.get(path).status_code == 404
            assert client.post(path, {"name": "x"}).status_code == 404
        assert "Phone" not in text(client.get("/account/two-factor/webauthn/"))
        passkey.refresh_from_db()
        assert passkey.data == {"name": "Phone"}


class TestSessions:
    def test_sessions_are_listed_and_ended_elsewhere(
        self, client: Client, owner: User, stranger: User
    ) -> None:
        second = Client(HTTP_USER_AGENT="curl/8.1", REMOTE_ADDR="192.0.2.7")
        sign_in(second, owner.email)
        page = text(client.get("/account/sessions/"))
        assert "Firefox on Linux" in page
        assert "192.0.2.7" in page
        answer = client.post("/account/sessions/", follow=True)
        assert "You have been signed out everywhere else." in text(answer)
        assert not is_signed_in(second)
        assert is_signed_in(client)
        assert kinds(owner)[-1] == SIGNED_OUT_ELSEWHERE
        assert "Sign out elsewhere" not in text(answer)

    def test_stranger_neither_sees_nor_ends_them(
        self, client: Client, stranger: User, strangers_browser: Client
    ) -> None:
        assert "Firefox on Linux" not in text(strangers_browser.get("/account/sessions/"))
        strangers_browser.post("/account/sessions/")
        assert is_signed_in(client)

    def test_forwarded_address_counts_behind_a_trusted_proxy_only(
        self, owner: User, settings: Any
    ) -> None:
        for count in (0, 1):
            settings.TRUSTED_PROXY_COUNT = count
            client = Client(headers={"x-forwarded-for": "198.51.100.1, 203.0.113.5"})
            sign_in(client, owner.email)
        addresses = [session.ip for session in UserSession.objects.order_by("id")]
        assert addresses == ["127.0.0.1", "203.0.113.5"]

    def test_client_without_an_address_can_sign_in(self, owner: User) -> None:
        client = Client(REMOTE_ADDR="")
        sign_in(client, owner.email)
        assert is_signed_in(client)


class TestFreshSignIn:
    CREATE = f"{KEYS}create/"

    def test_session_is_fresh_after_signing_in(self, client: Client) -> None:
        assert client.get(self.CREATE).status_code == 200

    def test_stale_session_confirms_and_continues_with_its_form(
        self, client: Client, owner: User
    ) -> None:
        make_session_stale(client)
        asked = client.post(self.CREATE, {"name": "Production"}, follow=True)
        confirm_url = asked.redirect_chain[-1][0]
        assert confirm_url.startswith("/account/confirm/?next=")
        assert not owner.api_keys.exists()
        wrong = client.post(confirm_url, {"password": "wrong"})
        assert "The password is wrong." in text(wrong)
        assert not owner.api_keys.exists()
        response = client.post(confirm_url, {"password": PASSWORD})
        assert response.status_code == 201
        assert owner.api_keys.get().name == "Production"
        assert client.get(self.CREATE).status_code == 200

    def test_confirmation_of_another_account_does_not_count(
        self, client: Client, stranger: User, owner: User
    ) -> None:
        make_session_stale(client)
        session = client.session
        session["account_authentication_methods"][0]["at"] = time.time()
        session["account_authentication_methods_user"] = stranger.id.hex
        session.save()
        assert client.get(self.CREATE).status_code == 302

    def test_guessing_is_throttled(self, client: Client) -> None:
        make_session_stale(client)
        answers = [client.post("/account/confirm/", {"password": "x"}) for _ in range(11)]
        assert "Too many" in text(answers[-1])
