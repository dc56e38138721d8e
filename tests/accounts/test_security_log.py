"""What the security log records, of whom and from where, and that it keeps it."""

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.test import Client

from accounts import security_log, security_signals
from accounts.devices import device
from accounts.middleware import SecurityLogMiddleware
from accounts.models import SecurityEvent, User
from accounts.security_log import FAILED_SIGN_INS_PER_HOUR, Actor, Kind, record
from accounts.security_sentences import SENTENCES, sentence
from apikeys import tokens
from apikeys.services import CreatedKey, create_api_key, revoke_api_key

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
PASSWORD = "correct horse battery"
REFUSED = "the security log is only ever added to"


@pytest.fixture
def owner(alice: User) -> User:
    alice.set_password(PASSWORD)
    alice.save()
    return alice


@pytest.fixture
def signed_in(alice: User) -> Client:
    client = Client(REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=FIREFOX)
    client.force_login(alice)
    return client


def kinds(account: User) -> list[str]:
    return [event.kind for event in account.security_events.order_by("id")]


def latest(account: User) -> SecurityEvent:
    return account.security_events.latest("id")


class TestSigningIn:
    def test_sign_in_and_out_say_from_where(self, owner: User) -> None:
        client = Client(REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=FIREFOX)
        client.post("/sign-in/", {"login": owner.email, "password": PASSWORD})
        client.post("/sign-out/")
        assert kinds(owner)[-2:] == [Kind.SIGNED_IN, Kind.SIGNED_OUT]
        for event in owner.security_events.order_by("-id")[:2]:
            assert event.actor == Actor.OWNER
            assert (event.ip_address, event.device) == ("192.0.2.7", "Firefox on Linux")

    def test_a_failed_sign_in_is_the_accounts_and_keeps_no_secret(
        self, owner: User, stranger: User
    ) -> None:
        Client().post("/sign-in/", {"login": "ALICE@example.org", "password": "a secret"})
        event = latest(owner)
        assert (event.kind, event.actor) == (Kind.SIGN_IN_FAILED, Actor.UNKNOWN)
        assert event.details == {}
        assert not stranger.security_events.exists()

    def test_nobodys_failed_sign_in_is_not_recorded(self, db: None) -> None:
        Client().post("/sign-in/", {"login": "nobody@example.org", "password": "x"})
        authenticate(None, password="x")
        assert not SecurityEvent.objects.exists()

    def test_failed_sign_ins_do_not_fill_the_log(self, owner: User) -> None:
        for _ in range(FAILED_SIGN_INS_PER_HOUR + 3):
            security_log.record_failed_sign_in(owner.pk, None)
        assert kinds(owner).count(Kind.SIGN_IN_FAILED) == FAILED_SIGN_INS_PER_HOUR

    def test_an_address_given_by_another_name_is_known_too(self, owner: User) -> None:
        security_signals.sign_in_failed(credentials={"email": owner.email})
        assert latest(owner).kind == Kind.SIGN_IN_FAILED

    def test_signing_out_without_an_account_records_nothing(self, db: None) -> None:
        Client().post("/sign-out/")
        security_signals.signed_out(None, HttpRequest())
        assert not SecurityEvent.objects.exists()


class TestPasswords:
    def test_each_change_is_recorded(self, owner: User) -> None:
        assert kinds(owner) == [Kind.PASSWORD_CHANGED]
        assert latest(owner).actor == Actor.COMMAND_LINE

    def test_a_new_account_has_not_changed_its_password(self, make_user: Any) -> None:
        assert kinds(make_user("new@example.org", PASSWORD)) == []

    def test_hashing_it_anew_is_no_change(self, owner: User, settings: Any) -> None:
        settings.PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
            "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        ]
        before = owner.password
        assert owner.check_password(PASSWORD)
        owner.refresh_from_db()
        assert owner.password != before
        assert kinds(owner) == [Kind.PASSWORD_CHANGED]

    def test_other_changes_are_none_of_it(self, owner: User) -> None:
        owner.save()
        assert kinds(owner) == [Kind.PASSWORD_CHANGED]


@dataclass
class Address:
    email: str


class Totp:
    def get_type_display(self) -> str:
        return "Authenticator app"


class TestAllauth:
    @pytest.mark.parametrize(
        ("kind", "arguments", "sentence"),
        [
            (
                Kind.EMAIL_CHANGED,
                {
                    "from_email_address": Address("old@example.org"),
                    "to_email_address": Address("new@example.org"),
                },
                "E-mail address changed from old@example.org to new@example.org",
            ),
            (
                Kind.EMAIL_CHANGED,
                {"from_email_address": None, "to_email_address": Address("new@example.org")},
                "E-mail address new@example.org confirmed",
            ),
            (
                Kind.EMAIL_ADDED,
                {"email_address": Address("new@example.org")},
                "E-mail address new@example.org added",
            ),
            (
                Kind.TWO_FACTOR_ADDED,
                {"authenticator": Totp()},
                "Two-factor sign-in added: Authenticator app",
            ),
            (
                Kind.TWO_FACTOR_FAILED,
                {"authenticator": Totp()},
                "Second step of a sign-in failed",
            ),
        ],
    )
    def test_its_signals_are_recorded(
        self, alice: User, kind: Kind, arguments: dict[str, Any], sentence: str
    ) -> None:
        signal = Signal()
        signal.connect(security_signals.recording(kind), weak=False)
        signal.send(User, request=HttpRequest(), user=alice, **arguments)
        assert latest(alice).sentence == sentence

    def test_it_can_fail_only_so_often(self, alice: User) -> None:
        fail = security_signals.recording(Kind.TWO_FACTOR_FAILED)
        for _ in range(FAILED_SIGN_INS_PER_HOUR + 3):
            fail(user=alice)
        assert alice.security_events.count() == FAILED_SIGN_INS_PER_HOUR


class TestApiKeys:
    def test_the_owner_in_the_dashboard(self, signed_in: Client, alice: User) -> None:
        signed_in.post("/dashboard/developer/api-keys/create/", {"name": "Production"})
        api_key = alice.api_keys.get()
        event = latest(alice)
        assert event.sentence == f"API key “Production” ({api_key.prefix}…) was created"
        assert (event.actor, event.ip_address) == (Actor.OWNER, "192.0.2.7")
        signed_in.post(f"/dashboard/developer/api-keys/{api_key.id}/revoke/")
        event = latest(alice)
        assert event.sentence == f"API key “Production” ({api_key.prefix}…) was revoked"
        assert (event.actor, event.device) == (Actor.OWNER, "Firefox on Linux")

    def test_the_owner_by_json(self, signed_in: Client, alice: User) -> None:
        created = signed_in.post(
            "/api/v1/api-keys", {"name": "x"}, content_type="application/json"
        ).json()
        signed_in.delete(f"/api/v1/api-keys/{created['id']}")
        signed_in.delete(f"/api/v1/api-keys/{created['id']}")
        assert kinds(alice)[-2:] == [Kind.API_KEY_CREATED, Kind.API_KEY_REVOKED]
        assert latest(alice).actor == Actor.OWNER

    def test_the_command_line(self, alices_key: CreatedKey, alice: User) -> None:
        call_command("revoke_api_key", alices_key.token.prefix, stdout=io.StringIO())
        event = latest(alice)
        assert event.kind == Kind.API_KEY_REVOKED
        assert (event.actor, event.ip_address, event.device) == (Actor.COMMAND_LINE, None, "")

    def test_a_refused_key_is_not_recorded(self, signed_in: Client, alice: User) -> None:
        for number in range(6):
            signed_in.post("/dashboard/developer/api-keys/create/", {"name": str(number)})
        assert kinds(alice).count(Kind.API_KEY_CREATED) == 5

    def test_what_is_undone_is_not_recorded(self, alice: User) -> None:
        with transaction.atomic():
            create_api_key(alice, "x")
            transaction.set_rollback(True)
        assert kinds(alice) == []

    def test_no_key_and_no_digest_is_in_it(self, alices_key: CreatedKey, alice: User) -> None:
        revoke_api_key(alice.id, str(alices_key.api_key.id))
        with connection.cursor() as cursor:
            cursor.execute("SELECT e::text FROM accounts_securityevent e")
            stored = str(cursor.fetchall())
        assert alices_key.token.prefix in stored
        assert alices_key.token.plaintext[8:] not in stored
        assert alices_key.token.digest.hex() not in stored

    def test_a_key_given_as_a_name_is_cut(self, alice: User) -> None:
        plaintext = tokens.generate().plaintext
        create_api_key(alice, f"mine is {plaintext}")
        assert latest(alice).details["name"] == f"mine is {plaintext[:8]}…"

    def test_two_revocations_at_once_are_one_event(self, transactional_db: None) -> None:
        owner = User.objects.create_user("owner@example.org")
        created = create_api_key(owner, "x")
        barrier = threading.Barrier(4)

        def revoke() -> None:
            barrier.wait()
            revoke_api_key(owner.id, str(created.api_key.id))
            connection.close()

        threads = [threading.Thread(target=revoke) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert kinds(owner) == [Kind.API_KEY_CREATED, Kind.API_KEY_REVOKED]


class TestTheDatabaseItself:
    @pytest.fixture
    def event(self, alice: User) -> SecurityEvent:
        record(alice.pk, Kind.SIGNED_IN)
        return latest(alice)

    def refused(self, statement: str) -> None:
        with (
            pytest.raises(IntegrityError, match=REFUSED),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE accounts_securityevent SET kind = 'signed_out'",
            "DELETE FROM accounts_securityevent",
            "SET LOCAL insitechat.may_truncate = off; TRUNCATE accounts_securityevent",
            "SET LOCAL insitechat.may_truncate = off; SET CONSTRAINTS ALL IMMEDIATE;"
            "TRUNCATE accounts_user CASCADE",
        ],
    )
    def test_it_only_ever_adds(self, event: SecurityEvent, statement: str) -> None:
        self.refused(statement)
        assert SecurityEvent.objects.get() == event

    def test_also_through_the_orm(self, event: SecurityEvent) -> None:
        attempts: list[Callable[[], object]] = [
            event.save,
            event.delete,
            SecurityEvent.objects.all().delete,
        ]
        for attempt in attempts:
            with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
                attempt()

    def test_it_goes_with_its_account_and_only_that(
        self, event: SecurityEvent, alice: User, stranger: User, alices_key: CreatedKey
    ) -> None:
        record(stranger.pk, Kind.SIGNED_IN)
        alice.delete()
        assert [left.account for left in SecurityEvent.objects.all()] == [stranger]

    def test_it_knows_no_account_that_is_not_there(self, alice: User) -> None:
        gone = alice.pk
        alice.delete()
        with pytest.raises(IntegrityError), transaction.atomic():
            record(gone, Kind.SIGNED_IN)


class TestWhereFrom:
    @pytest.mark.parametrize(
        ("address", "kept"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:DB8::1", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("", None),
            ("unix:", None),
        ],
    )
    def test_an_address_that_is_none_is_none(
        self, alice: User, address: str, kept: str | None
    ) -> None:
        request = HttpRequest()
        request.META = {"REMOTE_ADDR": address, "HTTP_USER_AGENT": "x\0\n" + "y" * 1000}
        record(alice.pk, Kind.SIGNED_IN, request=request)
        event = latest(alice)
        assert event.ip_address == kept
        assert event.user_agent == "x" + "y" * 254

    @pytest.mark.parametrize(
        ("user_agent", "shown"),
        [(FIREFOX, "Firefox on Linux"), ("curl/8.1", "curl"), ("", ""), ("nonsense", "")],
    )
    def test_devices(self, user_agent: str, shown: str) -> None:
        assert device(user_agent) == shown

    def test_a_call_with_a_key_passes_by(self) -> None:
        seen = []

        def view(request: HttpRequest) -> HttpResponse:
            seen.append(security_log.request_under_way.get())
            return HttpResponse()

        request = HttpRequest()
        SecurityLogMiddleware(view)(request)
        request.api_key = object()  # type: ignore[attr-defined]
        SecurityLogMiddleware(view)(request)
        assert seen == [request, None]

    def test_no_request_stays_behind(self, signed_in: Client) -> None:
        signed_in.get("/dashboard/security-log/")
        assert security_log.request_under_way.get() is None


def test_a_sentence_without_its_details_is_the_label() -> None:
    assert sentence(Kind.API_KEY_REVOKED, "API key revoked", {}) == "API key revoked"
    assert sentence(Kind.SIGNED_IN, "Signed in", {}) == "Signed in"


def test_names_cannot_reach_into_sentences() -> None:
    details = {"name": "{prefix.__class__}", "prefix": "ic_abcde"}
    assert sentence(Kind.API_KEY_REVOKED, "", details) == (
        "API key “{prefix.__class__}” (ic_abcde…) was revoked"
    )


def test_sentences_are_of_kinds() -> None:
    assert set(SENTENCES) <= set(Kind.values)
