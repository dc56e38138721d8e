"""Private addresses are refused in every spelling."""

import pytest

from chatbots.knowledge.fetching.addresses import (
    AllowedHosts,
    FetchRefused,
    checked_url,
    is_public,
)
from chatbots.knowledge.fetching.fetcher import Fetcher, FetchFailed

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.19.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "no address",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_told(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700::1111"])
def test_public_addresses_are_told(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0",
        "１２７.0.0.1",
        "127。0。0。1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:169.254.169.254]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "169.254.169.254",
        "2852039166",
        "10.0.0.1",
        "100.64.0.1",
        "192.168.0.1",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_a_private_address_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, scheme: str, host: str
) -> None:
    def connect(*_: object, **__: object) -> None:
        pytest.fail("connected")

    monkeypatch.setattr("httpcore2.SyncBackend.connect_tcp", connect)
    with Fetcher("test", AllowedHosts()) as fetcher, pytest.raises((FetchRefused, FetchFailed)):
        fetcher.fetch(f"{scheme}://{host}/")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "http://"),
        ("gopher://example.org/", "http://"),
        ("ftp://example.org/", "http://"),
        ("//example.org/", "http://"),
        ("http://", "http://"),
        ("", "http://"),
        ("http://user:password@example.org/", "user name"),
        ("http://user@example.org/", "user name"),
        ("http://example.org:22/", "Port 22"),
        ("https://example.org:6379/", "Port 6379"),
        ("http://[::1", "no address"),
        ("http://example.org:99999/", "Port 99999"),
        ("http://example.org:port/", "no address"),
        ("http://\0example.org/", "no address"),
    ],
)
def test_other_addresses_are_refused(url: str, reason: str) -> None:
    with pytest.raises(FetchRefused, match=reason):
        checked_url(url, AllowedHosts())


def test_the_operator_allows_hosts_with_their_ports() -> None:
    allowed = AllowedHosts(["Intranet", "127.0.0.1:8001", " "])
    assert ("intranet", 443) in allowed
    assert ("intranet", 9000) in allowed
    assert ("127.0.0.1", 8001) in allowed
    assert ("127.0.0.1", 8002) not in allowed
    assert ("", 80) not in allowed
    assert checked_url("http://127.0.0.1:8001/", allowed).port == 8001
