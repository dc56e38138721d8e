"""A site is visited by its own rules."""

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from chatbots.knowledge.crawling.sitemaps import Sitemap, read_sitemap
from chatbots.knowledge.crawling.turns import Turn
from chatbots.knowledge.crawling.visitor import Visitor
from chatbots.knowledge.fetching import AllowedHosts, Fetcher, FetchFailed
from tests.chatbots.knowledge.site import Answer, Site, redirect


class Pauses:
    """Takes the place of sleeping, and remembers how long."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Turns:
    """Takes the place of a host's turns, and remembers who took them: it is always one's turn."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, float]] = []

    def __call__(self, host: str, pause_seconds: float) -> Turn:
        self.taken.append((host, pause_seconds))
        return Turn(datetime.now(UTC), 0.0)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site({"/": "<p>Home"}) as site:
        yield site


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def visit(site: Site, pauses: Pauses, turns: Turns) -> Iterator[Callable[[], Visitor]]:
    with Fetcher("Tester", AllowedHosts([site.host, "localhost"])) as fetcher:
        yield lambda: Visitor(fetcher, f"{site.url}/", 5.0, pauses, turns)


def test_robots_txt_is_obeyed(site: Site, visit: Callable[[], Visitor]) -> None:
    site.pages["/robots.txt"] = (
        "User-agent: *\nDisallow: /\n\nUser-agent: InsiteChatBot\nDisallow: /private\nAllow: /\n"
    )
    visitor = visit()
    assert visitor.may_visit(f"{site.url}/a")
    assert not visitor.may_visit(f"{site.url}/private/a")


@pytest.mark.parametrize("status", [404, 403])
def test_without_robots_txt_everything_may_be_read(
    site: Site, visit: Callable[[], Visitor], status: int
) -> None:
    site.pages["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /", status)
    assert visit().may_visit(f"{site.url}/a")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_robots_txt_that_fails_forbids_everything(
    site: Site, visit: Callable[[], Visitor], status: int
) -> None:
    site.pages["/robots.txt"] = Answer(status=status)
    with pytest.raises(FetchFailed, match=f"answers {status}"):
        visit()


@pytest.mark.parametrize(("asked", "pause"), [("1", 5), ("7", 7), ("3600", 10)])
def test_requests_are_apart(
    site: Site, visit: Callable[[], Visitor], pauses: Pauses, asked: str, pause: float
) -> None:
    site.pages["/robots.txt"] = f"User-agent: *\nCrawl-delay: {asked}"
    visitor = visit()
    visitor.visit(f"{site.url}/")
    visitor.visit(f"{site.url}/")
    assert max(pauses.seconds) == pytest.approx(pause, abs=1)


def test_each_request_takes_a_turn_redirects_too(
    site: Site, visit: Callable[[], Visitor], turns: Turns
) -> None:
    port = site.host.split(":")[1]
    site.pages["/robots.txt"] = "User-agent: *\nCrawl-delay: 7"
    site.pages["/a"] = redirect("/b")
    site.pages["/b"] = redirect(f"http://localhost:{port}/")
    assert visit().visit(f"{site.url}/a").status == 200
    here, elsewhere = "127.0.0.1", "localhost"
    assert turns.taken == [(here, 5.0), (here, 7.0), (here, 7.0), (elsewhere, 5.0)]
    assert len(site.requests) == len(turns.taken)


def test_a_busy_server_is_asked_once_more(
    site: Site, visit: Callable[[], Visitor], pauses: Pauses
) -> None:
    answers = iter([Answer(status=503, headers={"Retry-After": "3"}), Answer(b"<p>x")])
    site.pages["/a"] = lambda: next(answers)
    assert visit().visit(f"{site.url}/a").status == 200
    assert 3 in pauses.seconds
    site.pages["/b"] = Answer(status=429, headers={"Retry-After": "3600"})
    assert visit().visit(f"{site.url}/b").status == 429


def test_sitemaps_are_followed_so_far(site: Site, visit: Callable[[], Visitor]) -> None:
    index = "<sitemapindex><sitemap><loc>{0}/a.xml.gz</loc></sitemap><sitemap><loc>{0}/b</loc>"
    xml = {"Content-Type": "application/xml"}
    site.pages["/robots.txt"] = f"Sitemap: {site.url}/index.xml"
    site.pages["/index.xml"] = Answer(index.format(site.url).encode(), headers=xml)
    site.pages["/a.xml.gz"] = gzip.compress(b"<urlset><url><loc> http://x.example/?a&amp;b </loc>")
    assert list(visit().listed_pages(f"{site.url}/")) == ["http://x.example/?a&b"]
    site.pages["/robots.txt"] = Answer(status=404)
    site.pages["/sitemap.xml"] = f"<sitemapindex><loc>{site.url}/sitemap.xml</loc>"
    visitor = visit()
    before = len(site.requests)
    assert list(visitor.listed_pages(f"{site.url}/")) == []
    assert len(site.requests) - before == 20


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x1f\x8bgarbage", b"\xff\xfe"])
def test_what_is_no_sitemap_lists_nothing(content: bytes) -> None:
    assert read_sitemap(content) == Sitemap([], [])


def test_a_sitemap_cannot_unpack_without_end() -> None:
    bomb = gzip.compress(b" " * 50_000_000 + b"<loc>http://x.example/</loc>")
    assert read_sitemap(bomb) == Sitemap([], [])
