import io

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Plan, User


def create(email: str, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    call_command("create_account", email, "--password-stdin", stdout=io.StringIO())


def test_command_creates_an_account_on_the_default_plan(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    create("New@Example.org", "correct horse battery", monkeypatch)
    user = User.objects.get()
    assert user.email == "new@example.org"
    assert user.check_password("correct horse battery")
    assert not user.is_staff
    assert (user.plan.requests_per_minute, user.plan.max_active_api_keys) == (60, 5)
    assert user.plan == Plan.objects.default()


def test_command_asks_for_the_password_twice(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["correct horse battery", "correct horse battery"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    call_command("create_account", "new@example.org", stdout=io.StringIO())
    assert User.objects.get().check_password("correct horse battery")


def test_passwords_that_differ_create_nothing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["correct horse battery", "correct horse batteri"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    with pytest.raises(CommandError, match="differ"):
        call_command("create_account", "new@example.org", stdout=io.StringIO())
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("email", "password", "reason"),
    [
        ("nonsense", "correct horse battery", "valid email"),
        ("", "correct horse battery", "cannot be blank"),
        ("new@example.org", "", "too short"),
        ("new@example.org", "password", "too common"),
        ("new@example.org", "12345678901", "numeric"),
        ("ALICE@example.org", "correct horse battery", "already exists"),
    ],
)
def test_invalid_input_is_explained_and_creates_nothing(
    alice: User, email: str, password: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match=reason):
        create(email, password, monkeypatch)
    assert User.objects.count() == 1
