"""Renaming a key, and changing its expiry: pages, confirmation and security log."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.security_events import API_KEY_EXPIRY_CHANGED, API_KEY_RENAMED
from apikeys.services import CreatedKey, change_expiry, create_api_key, revoke_api_key
from securitylog.origin import Actor
from tests.accounts.test_account_pages import make_session_stale
from tests.conftest import PASSWORD

MARCH = datetime(2126, 3, 16, tzinfo=UTC)


@pytest.fixture
def signed_in(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def page(created: CreatedKey, name: str) -> str:
    return f"/dashboard/developer/api-keys/{created.api_key.id}/{name}/"


def stored(created: CreatedKey) -> ApiKey:
    return ApiKey.objects.get(id=created.api_key.id)


def sentences(owner: User, kind: str) -> list[str]:
    events = owner.security_events.filter(kind=kind).order_by("id")
    return [event.sentence for event in events]


def text(response: Any) -> str:
    return str(response.content.decode())


class TestRenaming:
    def test_an_old_session_renames_and_the_log_names_both(
        self, signed_in: Client, owner: User, alices_key: CreatedKey
    ) -> None:
        make_session_stale(signed_in)
        answer = signed_in.post(page(alices_key, "rename"), {"name": "Staging"}, follow=True)
        assert "The key is renamed." in text(answer)
        assert stored(alices_key).name == "Staging"
        prefix = alices_key.token.prefix
        assert sentences(owner, API_KEY_RENAMED) == [
            f"API key “Staging” ({prefix}…) was renamed; it was “Production”"
        ]

    def test_the_form_starts_from_the_name(self, signed_in: Client, alices_key: CreatedKey) -> None:
        assert 'value="Production"' in text(signed_in.get(page(alices_key, "rename")))

    @pytest.mark.parametrize("name", ["", "  ", "x" * 101])
    def test_a_name_that_does_not_fit_changes_nothing(
        self, signed_in: Client, alices_key: CreatedKey, name: str
    ) -> None:
        refused = signed_in.post(page(alices_key, "rename"), {"name": name})
        assert refused.status_code == 400
        assert "id_name_error" in text(refused)
        assert stored(alices_key).name == "Production"

    def test_it_leaves_the_expiry_alone(self, signed_in: Client, owner: User) -> None:
        created = create_api_key(owner, "x", expires_at=MARCH)
        signed_in.post(page(created, "rename"), {"name": "y", "lifetime": "never"})
        assert stored(created).expires_at == MARCH

    def test_the_same_name_is_no_event(
        self, signed_in: Client, owner: User, alices_key: CreatedKey
    ) -> None:
        signed_in.post(page(alices_key, "rename"), {"name": "Production"})
        assert not sentences(owner, API_KEY_RENAMED)

    def test_an_ended_key_is_renamed_too(
        self, signed_in: Client, owner: User, alices_key: CreatedKey
    ) -> None:
        revoke_api_key(owner.id, str(alices_key.api_key.id))
        signed_in.post(page(alices_key, "rename"), {"name": "Old laptop"})
        assert stored(alices_key).name == "Old laptop"


class TestChangingTheExpiry:
    def test_the_log_names_the_old_and_the_new_moment(
        self, signed_in: Client, owner: User, alices_key: CreatedKey
    ) -> None:
        day = timezone.now().date() + timedelta(days=7)
        url = page(alices_key, "expiry")
        answer = signed_in.post(url, {"lifetime": "date", "expires_on": day}, follow=True)
        assert "The expiry is changed." in text(answer)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        assert stored(alices_key).expires_at == midnight
        signed_in.post(url, {"lifetime": "never"})
        assert stored(alices_key).expires_at is None
        key = f"The expiry of API key “Production” ({alices_key.token.prefix}…) was changed"
        moment = f"{midnight:%Y-%m-%d} 00:00:00 UTC"
        assert sentences(owner, API_KEY_EXPIRY_CHANGED) == [
            f"{key} from never to {moment}",
            f"{key} from {moment} to never",
        ]
        assert owner.security_events.latest("id").actor == Actor.OWNER

    def test_an_old_session_is_asked_first_and_then_the_form_is_posted(
        self, signed_in: Client, owner: User, alices_key: CreatedKey
    ) -> None:
        make_session_stale(signed_in)
        asked = signed_in.post(page(alices_key, "expiry"), {"lifetime": "30"}, follow=True)
        confirm = asked.redirect_chain[-1][0]
        assert confirm.startswith("/account/confirm/?next=")
        assert stored(alices_key).expires_at is None
        done = signed_in.post(confirm, {"password": PASSWORD}, follow=True)
        assert "The expiry is changed." in text(done)
        expires_at = stored(alices_key).expires_at
        assert expires_at is not None
        assert timedelta(days=29) < expires_at - timezone.now() < timedelta(days=31)
        assert len(sentences(owner, API_KEY_EXPIRY_CHANGED)) == 1

    def test_an_old_session_is_asked_before_it_sees_the_form(
        self, signed_in: Client, alices_key: CreatedKey
    ) -> None:
        make_session_stale(signed_in)
        answer = signed_in.get(page(alices_key, "expiry"))
        assert answer.headers["Location"].startswith("/account/confirm/")

    def test_the_form_starts_from_the_present_expiry(self, signed_in: Client, owner: User) -> None:
        created = create_api_key(owner, "x", expires_at=MARCH)
        form = text(signed_in.get(page(created, "expiry")))
        assert '<option value="date" selected>' in form
        assert 'value="2126-03-15"' in form  # the last day on which it works
        never = create_api_key(owner, "y")
        assert '<option value="never" selected>' in text(signed_in.get(page(never, "expiry")))

    def test_nothing_chosen_changes_nothing(self, signed_in: Client, owner: User) -> None:
        created = create_api_key(owner, "x", expires_at=MARCH)
        refused = signed_in.post(page(created, "expiry"), {"lifetime": ""})
        assert refused.status_code == 400
        assert stored(created).expires_at == MARCH

    def test_the_same_expiry_is_no_event(self, owner: User) -> None:
        created = create_api_key(owner, "x", expires_at=MARCH)
        change_expiry(owner.id, created.api_key.id, MARCH)
        assert not sentences(owner, API_KEY_EXPIRY_CHANGED)

    def test_an_ended_key_stays_so(
        self, signed_in: Client, owner: User, alices_key: CreatedKey
    ) -> None:
        revoke_api_key(owner.id, str(alices_key.api_key.id))
        url = page(alices_key, "expiry")
        assert signed_in.get(url).headers["Location"] == page(alices_key, "")[:-1]
        answer = signed_in.post(url, {"lifetime": "30"}, follow=True)
        assert "This key has ended and stays so." in text(answer)
        assert stored(alices_key).expires_at is None
        assert not sentences(owner, API_KEY_EXPIRY_CHANGED)


@pytest.mark.parametrize("name", ["rename", "expiry"])
def test_a_stranger_finds_nothing(
    strangers_browser: Client, alices_key: CreatedKey, name: str
) -> None:
    url = page(alices_key, name)
    assert strangers_browser.get(url).status_code == 404
    assert strangers_browser.post(url, {"name": "x", "lifetime": "30"}).status_code == 404
    assert (stored(alices_key).name, stored(alices_key).expires_at) == ("Production", None)
