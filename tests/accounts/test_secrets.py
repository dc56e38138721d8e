"""Sessions and second factors: never cached, encrypted at rest, codes and links used once."""

import io
import threading
from typing import Any

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, yield_hotp_counters_from_time
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from apikeys.services import CreatedKey
from chatbots.models import Chatbot
from tests.accounts.test_account_pages import code_for
from tests.accounts.test_sign_up import is_signed_in, sign_in, text
from tests.conftest import PASSWORD

SECRET = "JBSWY3DPEHPK3PXP"
AUTHENTICATE = "/account/two-factor/authenticate/"


def stored(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t")
        return str(cursor.fetchone()[0])


class TestCaches:
    def test_pages_of_a_session_are_not_cached(
        self, owner: User, alices_key: CreatedKey, chatbot: Chatbot
    ) -> None:
        client = Client()
        client.force_login(owner)
        pages = [
            *("/account/", "/account/sessions/", "/account/two-factor/totp/activate/"),
            *("/dashboard/developer/api-keys/", "/dashboard/security-log/", "/dashboard/usage/"),
            f"/dashboard/developer/api-keys/{alices_key.api_key.id}/",
            f"/dashboard/chatbots/{chatbot.id}/",
            f"/dashboard/chatbots/{chatbot.id}/conversations/",
            *("/", "/nowhere/", "/admin/"),
        ]
        for page in pages:
            assert client.get(page).headers["Cache-Control"] == "private, no-store", page

    def test_response_to_a_sign_in_is_not_cached(self, owner: User) -> None:
        assert sign_in(Client(), owner.email).headers["Cache-Control"] == "private, no-store"


class TestAtRest:
    def test_second_factors_are_encrypted(self, owner: User) -> None:
        TOTP.activate(owner, SECRET)
        codes = RecoveryCodes.activate(owner)
        seeds = stored("mfa_authenticator")
        assert SECRET not in seeds
        assert codes.instance.data["seed"][:5] == "gAAAA"  # how a Fernet token begins
        assert TOTP(Authenticator.objects.get(type="totp")).validate_code(code_for(SECRET))

    def test_secret_in_a_session_is_encrypted(self, owner: User) -> None:
        client = Client()
        sign_in(client, owner.email)
        client.get("/account/two-factor/totp/activate/")
        assert client.session["mfa.totp.secret"]
        (encoded,) = stored("django_session").strip("()").split(",")[1:2]
        assert encoded.startswith("gAAAA")

    def test_secret_key_can_be_rotated(self, owner: User, settings: Settings) -> None:
        TOTP.activate(owner, SECRET)
        client = Client()
        client.force_login(owner)
        former, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 10
        settings.SECRET_KEY_FALLBACKS = [former]
        assert is_signed_in(client)
        assert TOTP(Authenticator.objects.get()).validate_code(code_for(SECRET))
        call_command("reencrypt_secrets", stdout=io.StringIO())
        settings.SECRET_KEY_FALLBACKS = []
        cache.clear()
        assert TOTP(Authenticator.objects.get()).validate_code(code_for(SECRET))
        assert is_signed_in(client)  # a session is re-encrypted when it is used

    def test_unreadable_secrets_are_reported(self, owner: User, settings: Settings) -> None:
        TOTP.activate(owner, SECRET)
        settings.SECRET_KEY = "another" * 10
        with pytest.raises(CommandError, match="1 cannot be read"):
            call_command("reencrypt_secrets", stdout=io.StringIO())


class TestCodes:
    def test_code_used_for_activation_does_not_sign_in(self, owner: User) -> None:
        client = Client()
        sign_in(client, owner.email)
        client.get("/account/two-factor/totp/activate/")
        secret = client.session["mfa.totp.secret"]
        code = {"code": code_for(secret)}
        client.post("/account/two-factor/totp/activate/", code)
        assert Authenticator.objects.filter(user=owner, type="totp").exists()
        second = Client()
        sign_in(second, owner.email)
        second.post(AUTHENTICATE, code)
        assert not is_signed_in(second)
        second.post(AUTHENTICATE, {"code": code_for(secret, steps_ahead=1)})
        assert is_signed_in(second)

    def test_code_stays_spent_for_as_long_as_it_is_valid(self, owner: User) -> None:
        TOTP.activate(owner, SECRET)
        RecoveryCodes.activate(owner)
        first, second = Client(), Client()
        for client in (first, second):
            sign_in(client, owner.email)
        code = {"code": code_for(SECRET, steps_ahead=1)}
        first.post(AUTHENTICATE, code)
        assert is_signed_in(first)
        # django-allauth forgets a code after one time step, although three accept it.
        cache.delete(f"allauth.mfa.totp.used?user={owner.pk}&code={code['code']}")
        second.post(AUTHENTICATE, code)
        assert not is_signed_in(second)
        assert len(list(yield_hotp_counters_from_time())) == 3


class TestResetLinks:
    def test_one_link_sets_one_password(self, transactional_db: None) -> None:
        owner = User.objects.create_user("owner@example.org", PASSWORD)
        token = default_token_generator.make_token(owner)
        link = f"/forgotten-password/{user_pk_to_url_str(owner)}-{token}/"
        barrier = threading.Barrier(5)
        answers: list[Any] = []

        def reset(number: int) -> None:
            connection.ensure_connection()
            client = Client()
            form = client.get(link).headers["Location"]
            password = f"another long phrase {number}"
            barrier.wait(30)
            answers.append(client.post(form, {"password1": password, "password2": password}))
            connection.close()

        threads = [threading.Thread(target=reset, args=[number]) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.status_code for answer in answers) == [200] * 4 + [302]
        refused = [text(answer) for answer in answers if answer.status_code == 200]
        assert all("This link no longer works" in page for page in refused)


class TestKnownBrowsers:
    def test_strangers_cannot_lock_the_owner_out_of_a_known_browser(self, owner: User) -> None:
        known = Client(REMOTE_ADDR="192.0.2.1")
        sign_in(known, owner.email)
        known.post("/sign-out/")
        for number in range(6):
            stranger = Client(REMOTE_ADDR=f"192.0.2.{10 + number}")
            refused = sign_in(stranger, owner.email, "wrong")
        assert "Too many sign-ins have failed" in text(refused)
        elsewhere = Client(REMOTE_ADDR="192.0.2.99")
        assert "Too many sign-ins have failed" in text(sign_in(elsewhere, owner.email))
        sign_in(known, owner.email)
        assert is_signed_in(known)

    def test_guesses_in_a_known_browser_are_limited_too(self, owner: User) -> None:
        known = Client()
        sign_in(known, owner.email)
        known.post("/sign-out/")
        for _ in range(6):
            refused = sign_in(known, owner.email, "wrong")
        assert "Too many sign-ins have failed" in text(refused)

    def test_browser_is_known_only_to_the_account_that_signed_in(
        self, owner: User, stranger: User
    ) -> None:
        known = Client()
        sign_in(known, owner.email)
        cookie = known.cookies["known_browser"]
        assert cookie["httponly"]
        assert owner.email not in cookie.value
        known.post("/sign-out/")
        for number in range(6):
            sign_in(Client(REMOTE_ADDR=f"192.0.2.{10 + number}"), stranger.email, "wrong")
        assert "Too many sign-ins have failed" in text(sign_in(known, stranger.email))
