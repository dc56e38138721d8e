from datetime import UTC, datetime

import pytest
from django.test import Client

from apikeys.models import ApiKey
from apikeys.services import CreatedKey


@pytest.fixture
def page(browser: Client, alices_key: CreatedKey) -> Client:
    ApiKey.objects.update(last_used_at=datetime(2026, 3, 15, 20, 30, 5, tzinfo=UTC))
    return browser


@pytest.fixture
def key_page(alices_key: CreatedKey) -> str:
    return f"/dashboard/developer/api-keys/{alices_key.api_key.id}/"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Asia/Kolkata", "16 Mar 2026, 02:00 IST"),
        ("UTC", "15 Mar 2026, 20:30 UTC"),
        ("", "15 Mar 2026, 20:30 UTC"),
        ("../../etc/passwd", "15 Mar 2026, 20:30 UTC"),
        ("Mars/Phobos", "15 Mar 2026, 20:30 UTC"),
        ("x" * 3000, "15 Mar 2026, 20:30 UTC"),
    ],
)
def test_times_are_the_readers_and_the_instant_is_exact(
    page: Client, key_page: str, zone: str, shown: str
) -> None:
    page.cookies["zone"] = zone
    html = page.get(key_page).content.decode()
    exact = 'datetime="2026-03-15T20:30:05+00:00" title="2026-03-15 20:30:05 UTC"'
    assert f"<time {exact}>{shown}</time>" in html


def test_one_readers_zone_is_not_the_nexts(page: Client, key_page: str) -> None:
    page.cookies["zone"] = "Asia/Kolkata"
    page.get(key_page)
    del page.cookies["zone"]
    assert "20:30 UTC" in page.get(key_page).content.decode()
