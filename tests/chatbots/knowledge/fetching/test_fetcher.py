"""Fetching from real servers on loopback, which the operator allows here."""

import gzip
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import httpcore2
import pytest

from chatbots.knowledge.fetching import (
    AllowedHosts,
    Fetcher,
    FetchFailed,
    FetchRefused,
    Validators,
)
from chatbots.knowledge.fetching import fetcher as module
from tests.chatbots.knowledge.site import Answer, Site, redirect


@pytest.fixture
def site() -> Iterator[Site]:
    with Site({"/": "<p>Home"}) as site:
        yield site


@pytest.fixture
def fetcher(site: Site) -> Iterator[Fetcher]:
    with Fetcher("Tester/1.0", AllowedHosts([site.host])) as fetcher:
        yield fetcher


def test_a_page_comes_with_what_it_says_of_itself(site: Site, fetcher: Fetcher) -> None:
    site.pages["/p"] = Answer(b"caf\xe9", headers={"Content-Type": 'text/HTML; Charset="latin-1"'})
    fetched = fetcher.fetch(f"{site.url}/p")
    assert (fetched.status, fetched.content) == (200, b"caf\xe9")
    assert (fetched.media_type, fetched.charset) == ("text/html", "latin-1")
    assert site.user_agents == {"Tester/1.0"}


def test_an_unchanged_page_is_not_sent_again(site: Site, fetcher: Fetcher) -> None:
    first = fetcher.fetch(site.url)
    assert fetcher.fetch(site.url, first.validators).status == 304
    assert fetcher.fetch(site.url, Validators(etag='"other"')).content == b"<p>Home"


def test_redirects_are_followed_to_their_end(site: Site, fetcher: Fetcher) -> None:
    site.pages |= {"/a": redirect("b/c", 301), "/b/c": redirect("/", 308)}
    fetched = fetcher.fetch(f"{site.url}/a")
    assert (fetched.url, fetched.content) == (f"{site.url}/", b"<p>Home")


def test_redirects_without_end_are_given_up(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = redirect("/a")
    with pytest.raises(FetchFailed, match="more than 5 times"):
        fetcher.fetch(f"{site.url}/a")
    assert len(site.requests) == 6


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://127.0.0.2:{port}/",
        "http://2130706433/",
        "http://[::1]/",
        "//169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "http://user@127.0.0.1/",
    ],
)
def test_each_redirect_is_checked(site: Site, fetcher: Fetcher, location: str) -> None:
    site.pages["/a"] = redirect(location.format(port=site.url.split(":")[2]))
    with pytest.raises(FetchRefused):
        fetcher.fetch(f"{site.url}/a")


class TwoFaced:
    """A resolver that tells the truth to the guard and another address to whoever asks again."""

    def __init__(self, *faces: list[str]) -> None:
        self.faces = list(faces)

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        face = self.faces.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in face]


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return where connections would have gone."""
    hosts: list[str] = []

    def connect(_: object, host: str, *__: object, **___: object) -> None:
        hosts.append(host)
        raise httpcore2.ConnectError

    monkeypatch.setattr("httpcore2.SyncBackend.connect_tcp", connect)
    return hosts


def test_the_address_that_was_checked_is_connected_to(
    fetcher: Fetcher, connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = TwoFaced(["93.184.215.14"], ["127.0.0.1"])
    monkeypatch.setattr("core.deadline.getaddrinfo", resolver)
    with pytest.raises(FetchFailed, match="cannot be reached"):
        fetcher.fetch("http://rebinding.example/")
    assert connected == ["93.184.215.14"]
    assert resolver.faces == [["127.0.0.1"]]
    with pytest.raises(FetchRefused, match="private network"):
        fetcher.fetch("http://rebinding.example/")


def test_all_addresses_of_a_host_have_to_be_public(
    fetcher: Fetcher, connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.deadline.getaddrinfo", TwoFaced(["93.184.215.14", "10.0.0.1"]))
    with pytest.raises(FetchRefused):
        fetcher.fetch("http://both.example/")
    assert connected == []


def test_proxies_of_the_environment_are_ignored(
    site: Site, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetcher.fetch(site.url).status == 200


def packed(body: bytes, encoding: str) -> Answer:
    content = {"gzip": gzip.compress(body), "deflate": zlib.compress(body)}.get(encoding, body)
    return Answer(content, headers={"Content-Type": "text/html", "Content-Encoding": encoding})


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
def test_a_compressed_page_is_unpacked(site: Site, fetcher: Fetcher, encoding: str) -> None:
    site.pages["/p"] = packed(b"<p>word " * 50_000, encoding)
    assert fetcher.fetch(f"{site.url}/p").content == b"<p>word " * 50_000


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"x" * 6_000_000), "larger than 5 MB"),
        (packed(b"x" * 60_000_000, "gzip"), "larger than 5 MB"),
        (packed(b"x", "br"), "not asked for"),
        (Answer(b"x", headers={"Content-Encoding": "gzip"}), "damaged"),
    ],
)
def test_what_is_too_large_or_damaged_is_given_up(
    site: Site, fetcher: Fetcher, answer: Answer, reason: str
) -> None:
    site.pages["/p"] = answer
    with pytest.raises(FetchFailed, match=reason):
        fetcher.fetch(f"{site.url}/p")
    assert fetcher.fetch(site.url).status == 200


def test_only_what_is_wanted_is_read(site: Site, fetcher: Fetcher) -> None:
    site.pages["/film"] = Answer(b"x" * 100, headers={"Content-Type": "video/mp4"})
    fetched = fetcher.fetch(f"{site.url}/film", media_types=frozenset({"text/html"}))
    assert (fetched.media_type, fetched.content) == ("video/mp4", b"")


def test_a_host_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        with (
            Fetcher("test", AllowedHosts([host])) as fetcher,
            pytest.raises(FetchFailed, match="did not answer"),
        ):
            fetcher.fetch(f"http://{host}/")


def test_hosts_that_are_not_there_say_so(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("core.deadline.getaddrinfo", look_up)
    with pytest.raises(FetchFailed, match=r"no host called nowhere\.example"):
        fetcher.fetch("http://nowhere.example/")
