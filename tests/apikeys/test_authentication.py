from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from apikeys import tokens
from apikeys.services import CreatedKey, create_api_key, revoke_api_key
from tests.conftest import ApiClient, detail, shown_headers, statements_sent

DAMAGES: dict[str, Callable[[str], str]] = {
    "cut short": lambda key: key[:-1],
    "one character too many": lambda key: key + "A",
    "one character changed": lambda key: key[:20] + ("A" if key[20] != "A" else "B") + key[21:],
    "the brand in capitals": lambda key: "IC_" + key[3:],
    "without the brand": lambda key: key[3:],
    "another brand": lambda key: "sk_" + key[3:],
    "upper case": lambda key: key.upper(),
    "only the prefix": lambda key: key[:8],
    "twice": lambda key: key + key,
    "quoted": lambda key: f'"{key}"',
    "percent-encoded": lambda key: key.replace("_", "%5F"),
    "a NUL at its end": lambda key: f"{key}\0",
    "very long": lambda key: key * 500,
}

HEADERS: dict[str, Callable[[str], str]] = {
    "no scheme": lambda key: key,
    "another scheme": lambda key: f"Basic {key}",
    "the scheme alone": lambda _: "Bearer",
    "the scheme and a space": lambda _: "Bearer ",
    "a tab between": lambda key: f"Bearer\t{key}",
    "two tokens": lambda key: f"Bearer {key} {key}",
    "two headers in one": lambda key: f"Bearer {key}, Bearer {key}",
    "a parameter": lambda key: f"Bearer token={key}",
    "a space before": lambda key: f" Bearer {key}",
    "a space behind": lambda key: f"Bearer {key} ",
    "empty": lambda _: "",
    "not ASCII": lambda key: f"Bearer {key}é",
}


def call(authorization: str | None) -> tuple[int, bytes, dict[str, str]]:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = Client().get("/api/v1/chatbots", headers=headers)
    return response.status_code, response.content, shown_headers(response)


UNAUTHORIZED = b'{"detail": "Unauthorized"}'


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("spaces", [" ", "   "])
def test_a_good_key_is_let_in(alices_key: CreatedKey, scheme: str, spaces: str) -> None:
    status, _, _ = call(f"{scheme}{spaces}{alices_key.token.plaintext}")
    assert status == 200


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_key_is_rejected(alices_key: CreatedKey, damage: Callable[[str], str]) -> None:
    status, body, _ = call(f"Bearer {damage(alices_key.token.plaintext)}")
    assert (status, body) == (401, UNAUTHORIZED)


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_a_malformed_header_is_rejected(
    alices_key: CreatedKey, header: Callable[[str], str]
) -> None:
    status, body, _ = call(header(alices_key.token.plaintext))
    assert (status, body) == (401, UNAUTHORIZED)


def test_nothing_tells_missing_malformed_unknown_and_revoked_keys_apart(
    alice: User, alices_key: CreatedKey
) -> None:
    revoke_api_key(alice.id, str(alices_key.api_key.id))
    answers = [
        call(None),
        call("Bearer nonsense"),
        call(f"Bearer {tokens.generate().plaintext}"),
        call(f"Bearer {alices_key.token.plaintext}"),
    ]
    assert answers[0][:2] == (401, UNAUTHORIZED)
    assert all(answer == answers[0] for answer in answers)


def test_a_401_names_the_scheme_and_no_limit(db: None) -> None:
    _, _, headers = call(None)
    assert headers["WWW-Authenticate"] == "Bearer"
    assert headers["Content-Type"] == "application/json"
    assert not {"RateLimit", "RateLimit-Policy", "Retry-After"} & headers.keys()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_what_cannot_be_a_key_is_refused_without_a_query(
    alices_key: CreatedKey, damage: Callable[[str], str]
) -> None:
    with statements_sent() as statements:
        call(f"Bearer {damage(alices_key.token.plaintext)}")
    assert not statements


def test_the_gate_asks_the_database_once(api: ApiClient) -> None:
    with statements_sent() as statements:
        assert api.get("/nowhere").status_code == 404
    assert len(statements) == 1
    with statements_sent() as statements:
        assert api.get("/chatbots").status_code == 200
    assert len(statements) == 2  # and once for the list itself


def test_a_deactivated_accounts_keys_stop_and_return_with_it(alice: User, api: ApiClient) -> None:
    User.objects.filter(id=alice.id).update(is_active=False)
    assert detail(api.get("/chatbots")) == "Unauthorized"
    User.objects.filter(id=alice.id).update(is_active=True)
    assert api.get("/chatbots").status_code == 200


def test_a_session_is_no_key(browser: Client) -> None:
    assert browser.get("/api/v1/chatbots").status_code == 401


@pytest.mark.parametrize("path", ["", "/", "/nowhere", "/chatbots/", "/api-keys/a/b", "//chatbots"])
def test_every_path_asks_for_a_key_first(db: None, path: str) -> None:
    assert ApiClient(None).get(path).status_code == 401


@pytest.mark.parametrize("path", ["", "/", "/nowhere", "/chatbots/", "/api-keys/a/b", "//chatbots"])
def test_with_a_key_an_unknown_path_is_not_found(api: ApiClient, path: str) -> None:
    response = api.get(path)
    assert response.status_code == 404
    assert detail(response) == "Not Found"


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_documents_are_for_everybody(db: None, path: str) -> None:
    assert ApiClient(None).get(path).status_code == 200


def test_two_keys_of_one_account_both_work(alice: User, api: ApiClient) -> None:
    other = ApiClient(create_api_key(alice, "Second").token.plaintext)
    assert api.get("/chatbots").status_code == other.get("/chatbots").status_code == 200
