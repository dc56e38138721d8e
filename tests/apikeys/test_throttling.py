"""Each account may manage its keys as JSON 60 times within 60 seconds."""

from typing import Any

from django.test import Client

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.services import CreatedKey, create_api_key
from tests.conftest import ApiClient, detail

URL = "/api/v1/api-keys"


def use_up(client: Client) -> None:
    for _ in range(60):
        assert client.get(URL).status_code == 200


def assert_is_throttled(response: Any) -> None:
    assert response.status_code == 429
    assert detail(response) == "Too many requests."
    assert not {"Retry-After", "RateLimit", "RateLimit-Policy"} & response.headers.keys()


def test_all_operations_share_the_accounts_limit(alice: User, alices_key: CreatedKey) -> None:
    client = Client()
    client.force_login(alice)
    use_up(client)
    assert_is_throttled(client.get(URL))
    assert_is_throttled(client.post(URL, {"name": "x"}, content_type="application/json"))
    assert_is_throttled(client.delete(f"{URL}/{alices_key.api_key.id}"))
    assert ApiKey.objects.get().is_active


def test_an_accounts_sessions_share_its_limit(alice: User) -> None:
    laptop, phone = Client(), Client()
    laptop.force_login(alice)
    phone.force_login(alice)
    use_up(laptop)
    assert_is_throttled(phone.get(URL))


def test_keys_and_other_accounts_have_limits_of_their_own(
    alice: User, strangers_browser: Client
) -> None:
    client = Client()
    client.force_login(alice)
    api = ApiClient(create_api_key(alice, "x").token.plaintext)
    use_up(client)
    assert api.get("/chatbots").headers["RateLimit"].startswith('"default";r=59')
    assert strangers_browser.get(URL).status_code == 200


def test_what_is_sent_without_a_csrf_token_is_not_counted(browser: Client) -> None:
    for _ in range(61):
        assert browser.post(URL, {}, content_type="application/json").status_code == 403
    assert browser.get(URL).status_code == 200
