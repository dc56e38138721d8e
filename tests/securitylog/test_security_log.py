"""What the security log records, about whom and from where, and that it is append-only."""

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
from django.http import HttpRequest
from django.test import Client

from accounts.devices import device
from accounts.models import User
from apikeys import tokens
from apikeys.security_events import API_KEY_CREATED, API_KEY_REVOKED
from apikeys.services import CreatedKey, create_api_key, revoke_api_key
from securitylog import kinds as known_kinds
from securitylog import receivers
from securitylog.kinds import Kind
from securitylog.models import SecurityEvent
from securitylog.origin import Actor, acting
from securitylog.recording import (
    FAILED_SIGN_INS_PER_HOUR,
    record,
    record_failed_sign_in,
    record_limits_changed,
)
from securitylog.security_events import (
    EMAIL_ADDED,
    EMAIL_CHANGED,
    PASSWORD_CHANGED,
    SIGN_IN_FAILED,
    SIGNED_IN,
    SIGNED_OUT,
    TWO_FACTOR_ADDED,
    TWO_FACTOR_FAILED,
)
from tests.conftest import PASSWORD

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
REFUSED = "the security log is only ever added to"


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
    def test_sign_in_and_out_are_recorded_with_their_place(self, owner: User) -> None:
        client = Client(REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=FIREFOX)
        client.post("/sign-in/", {"login": owner.email, "password": PASSWORD})
        client.post("/sign-out/")
        assert kinds(owner)[-2:] == [SIGNED_IN, SIGNED_OUT]
        for event in owner.security_events.order_by("-id")[:2]:
            assert event.actor == Actor.OWNER
            assert (event.ip_address, event.device) == ("192.0.2.7", "Firefox on Linux")

    def test_failed_sign_in_is_recorded_without_the_password(
        self, owner: User, stranger: User
    ) -> None:
        Client().post("/sign-in/", {"login": "ALICE@example.org", "password": "a secret"})
        event = latest(owner)
        assert (event.kind, event.actor) == (SIGN_IN_FAILED, Actor.UNKNOWN)
        assert event.details == {}
        assert not stranger.security_events.exists()

    def test_failed_sign_in_without_an_account_is_not_recorded(self, db: None) -> None:
        Client().post("/sign-in/", {"login": "nobody@example.org", "password": "x"})
        authenticate(None, password="x")
        assert not SecurityEvent.objects.exists()

    def test_failed_sign_ins_are_limited_per_hour(self, owner: User) -> None:
        for _ in range(FAILED_SIGN_INS_PER_HOUR + 3):
            record_failed_sign_in(owner.pk, None)
        assert kinds(owner).count(SIGN_IN_FAILED) == FAILED_SIGN_INS_PER_HOUR

    def test_failed_sign_in_may_give_the_address_as_email(self, owner: User) -> None:
        receivers.sign_in_failed(credentials={"email": owner.email})
        assert latest(owner).kind == SIGN_IN_FAILED

    def test_signing_out_anonymously_records_nothing(self, db: None) -> None:
        Client().post("/sign-out/")
        receivers.signed_out(None, HttpRequest())
        assert not SecurityEvent.objects.exists()


class TestPasswords:
    def test_change_is_recorded(self, owner: User) -> None:
        assert kinds(owner) == [PASSWORD_CHANGED]
        assert latest(owner).actor == Actor.SERVICE

    def test_new_account_has_not_changed_its_password(self, make_user: Any) -> None:
        assert kinds(make_user("new@example.org", PASSWORD)) == []

    def test_rehash_is_not_recorded(self, owner: User, settings: Any) -> None:
        settings.PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
            "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        ]
        before = owner.password
        assert owner.check_password(PASSWORD)
        owner.refresh_from_db()
        assert owner.password != before
        assert kinds(owner) == [PASSWORD_CHANGED]

    def test_save_without_a_new_password_is_not_recorded(self, owner: User) -> None:
        owner.save()
        assert kinds(owner) == [PASSWORD_CHANGED]


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
                EMAIL_CHANGED,
                {
                    "from_email_address": Address("old@example.org"),
                    "to_email_address": Address("new@example.org"),
                },
                "E-mail address changed from old@example.org to new@example.org",
            ),
            (
                EMAIL_CHANGED,
                {"from_email_address": None, "to_email_address": Address("new@example.org")},
                "E-mail address new@example.org confirmed",
            ),
            (
                EMAIL_ADDED,
                {"email_address": Address("new@example.org")},
                "E-mail address new@example.org added",
            ),
            (
                TWO_FACTOR_ADDED,
                {"authenticator": Totp()},
                "Two-factor sign-in added: Authenticator app",
            ),
            (
                TWO_FACTOR_FAILED,
                {"authenticator": Totp()},
                "Second step of a sign-in failed",
            ),
        ],
    )
    def test_signal_is_recorded(
        self, alice: User, kind: Kind, arguments: dict[str, Any], sentence: str
    ) -> None:
        signal = Signal()
        signal.connect(receivers.receiver_for(kind), weak=False)
        signal.send(User, request=HttpRequest(), user=alice, **arguments)
        assert latest(alice).sentence == sentence

    def test_failed_second_steps_are_limited_per_hour(self, alice: User) -> None:
        fail = receivers.receiver_for(TWO_FACTOR_FAILED)
        for _ in range(FAILED_SIGN_INS_PER_HOUR + 3):
            fail(user=alice)
        assert alice.security_events.count() == FAILED_SIGN_INS_PER_HOUR


class TestApiKeys:
    def test_owner_creates_and_revokes_on_pages(self, signed_in: Client, alice: User) -> None:
        signed_in.post("/dashboard/developer/api-keys/create/", {"name": "Production"})
        api_key = alice.api_keys.get()
        event = latest(alice)
        assert event.sentence == f"API key “Production” ({api_key.prefix}…) was created"
        assert (event.actor, event.ip_address) == (Actor.OWNER, "192.0.2.7")
        signed_in.post(f"/dashboard/developer/api-keys/{api_key.id}/revoke/")
        event = latest(alice)
        assert event.sentence == f"API key “Production” ({api_key.prefix}…) was revoked"
        assert (event.actor, event.device) == (Actor.OWNER, "Firefox on Linux")

    def test_owner_creates_and_revokes_by_json(self, signed_in: Client, alice: User) -> None:
        created = signed_in.post(
            "/api/v1/api-keys", {"name": "x"}, content_type="application/json"
        ).json()
        signed_in.delete(f"/api/v1/api-keys/{created['id']}")
        signed_in.delete(f"/api/v1/api-keys/{created['id']}")
        assert kinds(alice)[-2:] == [API_KEY_CREATED, API_KEY_REVOKED]
        assert latest(alice).actor == Actor.OWNER

    def test_command_line_revokes(self, alices_key: CreatedKey, alice: User) -> None:
        with acting(Actor.COMMAND_LINE):
            call_command("revoke_api_key", alices_key.token.prefix, stdout=io.StringIO())
        event = latest(alice)
        assert event.kind == API_KEY_REVOKED
        assert (event.actor, event.ip_address, event.device) == (Actor.COMMAND_LINE, None, "")

    def test_key_refused_at_the_cap_is_not_recorded(self, signed_in: Client, alice: User) -> None:
        for number in range(6):
            signed_in.post("/dashboard/developer/api-keys/create/", {"name": str(number)})
        assert kinds(alice).count(API_KEY_CREATED) == 5

    def test_rolled_back_creation_is_not_recorded(self, alice: User) -> None:
        with transaction.atomic():
            create_api_key(alice, "x")
            transaction.set_rollback(True)
        assert kinds(alice) == []

    def test_neither_plaintext_nor_digest_is_stored(
        self, alices_key: CreatedKey, alice: User
    ) -> None:
        revoke_api_key(alice.id, str(alices_key.api_key.id))
        with connection.cursor() as cursor:
            cursor.execute("SELECT e::text FROM securitylog_securityevent e")
            stored = str(cursor.fetchall())
        assert alices_key.token.prefix in stored
        assert alices_key.token.plaintext[8:] not in stored
        assert alices_key.token.digest.hex() not in stored

    @pytest.mark.parametrize(
        ("damage", "shown"),
        [
            (lambda key: key, "{prefix}…"),
            (lambda key: key[:-1], "{prefix}…"),
            (lambda key: key[3:], "…"),
            (lambda key: key.replace("_", "%5F"), "{prefix}…"),
        ],
        ids=["whole", "without its end", "without its start", "percent-encoded"],
    )
    def test_key_given_as_a_name_is_cut(
        self, signed_in: Client, alice: User, damage: Callable[[str], str], shown: str
    ) -> None:
        plaintext = tokens.generate().plaintext
        signed_in.post(
            "/dashboard/developer/api-keys/create/", {"name": f"my key {damage(plaintext)}"}
        )
        name = f"my key {shown.format(prefix=plaintext[:8])}"
        assert latest(alice).details["name"] == name
        assert name in signed_in.get("/dashboard/security-log/").content.decode()

    def test_key_sent_as_a_user_agent_is_cut(self, alice: User) -> None:
        plaintext = tokens.generate().plaintext
        client = Client(HTTP_USER_AGENT=f"shop/1.0 ({plaintext[:-1]})")
        client.force_login(alice)
        client.post("/dashboard/developer/api-keys/create/", {"name": "x"})
        assert latest(alice).user_agent == f"shop/1.0 ({plaintext[:8]}…)"

    def test_key_given_as_a_plans_name_is_cut(self, alice: User) -> None:
        plaintext = tokens.generate().plaintext
        alice.plan.name = plaintext[:-1]
        record_limits_changed(alice.plan, "none")
        assert latest(alice).details["plan"] == f"{plaintext[:8]}…"

    def test_concurrent_revocations_are_one_event(self, transactional_db: None) -> None:
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
        assert kinds(owner) == [API_KEY_CREATED, API_KEY_REVOKED]


class TestAppendOnly:
    @pytest.fixture
    def event(self, alice: User) -> SecurityEvent:
        record(alice.pk, SIGNED_IN)
        return latest(alice)

    def expect_refusal(self, statement: str) -> None:
        with (
            pytest.raises(IntegrityError, match=REFUSED),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE securitylog_securityevent SET kind = 'signed_out'",
            "DELETE FROM securitylog_securityevent",
            "SET LOCAL insitechat.may_truncate = off; TRUNCATE securitylog_securityevent",
            "SET LOCAL insitechat.may_truncate = off; SET CONSTRAINTS ALL IMMEDIATE;"
            "TRUNCATE accounts_user CASCADE",
        ],
    )
    def test_sql_cannot_change_or_delete_events(self, event: SecurityEvent, statement: str) -> None:
        self.expect_refusal(statement)
        assert SecurityEvent.objects.get() == event

    def test_orm_cannot_change_or_delete_events(self, event: SecurityEvent) -> None:
        attempts: list[Callable[[], object]] = [
            event.save,
            event.delete,
            SecurityEvent.objects.all().delete,
        ]
        for attempt in attempts:
            with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
                attempt()

    def test_events_are_deleted_with_their_account_only(
        self, event: SecurityEvent, alice: User, stranger: User, alices_key: CreatedKey
    ) -> None:
        record(stranger.pk, SIGNED_IN)
        alice.delete()
        assert SecurityEvent.objects.get().account == stranger

    def test_event_of_a_deleted_account_is_refused(self, alice: User) -> None:
        account_id = alice.pk
        alice.delete()
        with pytest.raises(IntegrityError), transaction.atomic():
            record(account_id, SIGNED_IN)


class TestPlace:
    @pytest.mark.parametrize(
        ("address", "stored"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:DB8::1", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("", None),
            ("unix:", None),
        ],
    )
    def test_address_is_normalised_and_user_agent_cleaned(
        self, alice: User, address: str, stored: str | None
    ) -> None:
        request = HttpRequest()
        request.META = {"REMOTE_ADDR": address, "HTTP_USER_AGENT": "x\0\n" + "y/" * 1000}
        record(alice.pk, SIGNED_IN, request=request)
        event = latest(alice)
        assert event.ip_address == stored
        assert event.user_agent == "x" + "y/" * 127

    @pytest.mark.parametrize(
        ("user_agent", "shown"),
        [(FIREFOX, "Firefox on Linux"), ("curl/8.1", "curl"), ("", ""), ("nonsense", "")],
    )
    def test_device_is_described(self, user_agent: str, shown: str) -> None:
        assert device(user_agent) == shown

    def test_finished_request_is_not_the_origin_any_more(
        self, signed_in: Client, alice: User
    ) -> None:
        signed_in.get("/dashboard/security-log/")
        record(alice.pk, PASSWORD_CHANGED)
        assert latest(alice).actor == Actor.SERVICE


class TestActor:
    def test_request_with_an_api_key_acts_as_a_program(
        self, alices_key: CreatedKey, alice: User
    ) -> None:
        request = HttpRequest()
        request.META = {"REMOTE_ADDR": "192.0.2.7"}
        request.api_key = alices_key.api_key  # type: ignore[attr-defined]
        with acting(request):
            record(alice.pk, PASSWORD_CHANGED)
        event = latest(alice)
        assert (event.actor, event.ip_address) == (Actor.API_KEY, "192.0.2.7")

    def test_service_acts_without_request_and_command(self, alice: User) -> None:
        record(alice.pk, PASSWORD_CHANGED)
        event = latest(alice)
        assert (event.actor, event.ip_address) == (Actor.SERVICE, None)


def test_missing_details_leave_the_label() -> None:
    assert API_KEY_REVOKED.describe({}) == "API key revoked"
    assert SIGNED_IN.describe({}) == "Signed in"


def test_braces_in_a_name_are_not_formatted() -> None:
    details = {"name": "{prefix.__class__}", "prefix": "ic_abcde"}
    assert API_KEY_REVOKED.describe(details) == (
        "API key “{prefix.__class__}” (ic_abcde…) was revoked"
    )


def test_unregistered_kind_is_shown_by_its_name() -> None:
    assert known_kinds.describe("carrier_pigeon_sent", {}) == "Carrier pigeon sent"


def test_name_is_registered_only_once() -> None:
    with pytest.raises(ValueError, match="registered already"):
        known_kinds.register("signed_in", "Again")
