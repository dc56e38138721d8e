"""Where no connection to the database becomes free, everybody is told in the shape they know."""

from typing import Any

import pytest
from django.test import Client

from apikeys.services import CreatedKey
from chatbots.waiting import Lender
from insitechat import lending
from tests.chatbots.test_waiting import elsewhere
from tests.conftest import detail


class Impatient(Lender):
    def lend(self, patience_seconds: float | None = 0) -> bool:
        return super().lend(patience_seconds=0)


@pytest.fixture
def _all_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "lender", Impatient(0))


def get(path: str, **headers: str) -> Any:
    """Ask from a thread that has no connection of its own."""
    return elsewhere(lambda: Client(raise_request_exception=False).get(path, headers=headers))


@pytest.mark.usefixtures("_all_lent")
def test_a_client_of_the_api_is_answered_503(
    transactional_db: None, alices_key: CreatedKey
) -> None:
    bearer = f"Bearer {alices_key.token.plaintext}"
    response = get("/api/v1/chatbots", Authorization=bearer)
    assert response.status_code == 503
    assert detail(response) == "Service temporarily unavailable."
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("_all_lent")
def test_an_owner_at_the_keys_endpoints_is_answered_503() -> None:
    response = get("/api/v1/api-keys")
    assert response.status_code == 503
    assert detail(response) == "Service temporarily unavailable."


@pytest.mark.usefixtures("_all_lent")
def test_a_probe_is_told_what_is_missing() -> None:
    response = get("/readyz")
    assert response.status_code == 503
    assert response.json()["missing"] == ["database"]
    assert get("/healthz").status_code == 200
