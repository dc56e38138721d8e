from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.services import CreatedKey, create_api_key, revoke_api_key
from apikeys.tokens import is_well_formed
from tests.conftest import ApiClient


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_create_prints_the_key_and_nothing_else(
    alice: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("create_api_key", "Alice@Example.org", "From the shell")
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.endswith("\n")
    plaintext = printed.out[:-1]
    assert is_well_formed(plaintext)
    assert ApiClient(plaintext).get("/chatbots").status_code == 200
    assert ApiKey.objects.get().name == "From the shell"


def test_create_holds_the_cap(alice: User) -> None:
    for number in range(5):
        create_api_key(alice, str(number))
    with pytest.raises(CommandError, match="5 active API keys"):
        run("create_api_key", alice.email, "sixth")


def test_create_needs_an_account(db: None) -> None:
    with pytest.raises(CommandError, match="There is no account nobody"):
        run("create_api_key", "nobody@example.org", "x")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_create_needs_a_name(alice: User, name: str) -> None:
    with pytest.raises(CommandError, match="1 to 100 characters"):
        run("create_api_key", alice.email, name)


def test_list_shows_every_key_and_no_secret(alice: User) -> None:
    first, second = create_api_key(alice, "first"), create_api_key(alice, "second")
    revoke_api_key(alice.id, str(first.api_key.id))
    listed = run("list_api_keys", alice.email)
    _, newest, oldest = listed.splitlines()
    assert "second" in newest
    assert "active" in newest
    assert "never" in newest
    assert "revoked" in oldest
    assert first.token.plaintext not in listed
    assert second.token.digest.hex() not in listed


def test_revoke_takes_an_id_or_a_prefix(alice: User) -> None:
    by_id, by_prefix = create_api_key(alice, "one"), create_api_key(alice, "two")
    assert "is revoked" in run("revoke_api_key", str(by_id.api_key.id))
    assert "is revoked" in run("revoke_api_key", by_prefix.token.prefix)
    assert not ApiKey.objects.active().exists()
    assert "was revoked already" in run("revoke_api_key", str(by_id.api_key.id))


def test_an_ambiguous_prefix_is_an_error(alice: User) -> None:
    for digest in (b"a" * 32, b"b" * 32):
        ApiKey.objects.create(owner=alice, name="x", prefix="ic_twins", digest=digest)
    with pytest.raises(CommandError, match="name one by its id"):
        run("revoke_api_key", "ic_twins")
    assert ApiKey.objects.active().count() == 2


def test_revoke_does_not_repeat_a_key_pasted_by_mistake(alices_key: CreatedKey) -> None:
    with pytest.raises(CommandError) as error:
        run("revoke_api_key", alices_key.token.plaintext)
    assert alices_key.token.plaintext not in str(error.value)
