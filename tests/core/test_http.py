"""Which address a request comes from: one answer for throttles, sessions and the security log."""

import pytest
from allauth.usersessions.models import UserSession
from django.http import HttpRequest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from core.http import client_address
from securitylog.models import SecurityEvent
from securitylog.security_events import SIGNED_IN

PASSWORD = "correct horse battery"


def request(address: str, forwarded: str | None = None) -> HttpRequest:
    made = HttpRequest()
    made.META = {"REMOTE_ADDR": address}
    if forwarded is not None:
        made.META["HTTP_X_FORWARDED_FOR"] = forwarded
    return made


@pytest.mark.parametrize(
    ("proxies", "forwarded", "believed"),
    [
        (0, None, "192.0.2.7"),
        (0, "203.0.113.5", "192.0.2.7"),
        (1, "203.0.113.5", "203.0.113.5"),
        (1, "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        (2, "198.51.100.1, 203.0.113.5", "198.51.100.1"),
        (2, "203.0.113.5", "192.0.2.7"),
        (1, None, None),
        (1, "garbage", None),
        (1, "[2001:DB8::1]:443", "2001:db8::1"),
        (1, "203.0.113.5:1234", "203.0.113.5"),
    ],
)
def test_only_trusted_proxies_are_believed(
    settings: Settings, proxies: int, forwarded: str | None, believed: str | None
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    assert client_address(request("192.0.2.7", forwarded)) == believed


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("unix:", None),
    ],
)
def test_what_is_no_address_is_none(address: str, kept: str | None) -> None:
    assert client_address(request(address)) == kept


def test_sessions_and_the_security_log_agree(settings: Settings, alice: User) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    alice.set_password(PASSWORD)
    alice.save()
    client = Client(headers={"x-forwarded-for": "198.51.100.1, 203.0.113.5"})
    client.post("/sign-in/", {"login": alice.email, "password": PASSWORD})
    assert UserSession.objects.get().ip == "203.0.113.5"
    assert SecurityEvent.objects.get(kind=SIGNED_IN).ip_address == "203.0.113.5"
