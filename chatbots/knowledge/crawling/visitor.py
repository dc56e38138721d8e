"""Visiting a site as its owner would want a robot to: by its rules, slowly, under its name."""

import time
from collections.abc import Callable, Iterator

import httpx2
from protego import Protego

from chatbots.knowledge.crawling.sitemaps import read_sitemap
from chatbots.knowledge.crawling.turns import Turn, sleep, take_turn
from chatbots.knowledge.fetching import (
    NO_VALIDATORS,
    Fetched,
    Fetcher,
    FetchFailed,
    FetchRefused,
    Validators,
)

ROBOT = "InsiteChatBot"
MAX_ROBOTS_BYTES = 512 * 1024
MAX_SITEMAPS = 20
# What robots.txt asks for beyond this would take days.
MAX_DELAY_SECONDS = 10.0
# A server that asks to come back later than this is not waited for.
MAX_RETRY_SECONDS = 30
BUSY = frozenset({429, 503})
MEDIA_TYPES = frozenset(
    {
        "text/html",
        "application/xhtml+xml",
        "text/plain",
        "text/markdown",
        "text/csv",
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    }
)


class Visitor:
    """Fetches the pages of one site, each after a pause. Raises FetchFailed and FetchRefused.

    The pause is one after the site's last answer, and one between the requests of all visitors to
    a host, redirects included.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        start: str,
        delay_seconds: float,
        sleep: Callable[[float], None] = sleep,
        take_turn: Callable[[str, float], Turn] = take_turn,
    ) -> None:
        self._fetcher = fetcher
        self._sleep = sleep
        self._take_turn = take_turn
        self._last = 0.0
        self._host = httpx2.URL(start).host
        self._least_seconds = self._delay_seconds = delay_seconds
        self.rules = self._read_rules(start)
        asked_seconds = min(self.rules.crawl_delay(ROBOT) or 0.0, MAX_DELAY_SECONDS)
        self._delay_seconds = max(delay_seconds, asked_seconds)

    def may_visit(self, url: str) -> bool:
        return bool(self.rules.can_fetch(url, ROBOT))

    def visit(self, url: str, validators: Validators = NO_VALIDATORS) -> Fetched:
        """Fetch a page; of a server that is busy, once more when it says."""
        fetched = self._fetch(url, validators, MEDIA_TYPES)
        if fetched.status in BUSY and 0 < fetched.retry_after_seconds <= MAX_RETRY_SECONDS:
            self._sleep(fetched.retry_after_seconds)
            fetched = self._fetch(url, validators, MEDIA_TYPES)
        return fetched

    def listed_pages(self, start: str) -> Iterator[str]:
        """Yield what the sitemaps of the site list; those that cannot be read list nothing."""
        waiting = list(self.rules.sitemaps) or [str(httpx2.URL(start).join("/sitemap.xml"))]
        for number, url in enumerate(waiting):
            if number == MAX_SITEMAPS:
                return
            try:
                fetched = self._fetch(url)
            except (FetchFailed, FetchRefused):
                continue
            sitemap = read_sitemap(fetched.content)
            waiting += sitemap.sitemaps[:MAX_SITEMAPS]
            yield from sitemap.pages

    def _fetch(
        self,
        url: str,
        validators: Validators = NO_VALIDATORS,
        media_types: frozenset[str] = frozenset(),
    ) -> Fetched:
        self._sleep(max(self._last + self._delay_seconds - time.monotonic(), 0.0))
        try:
            return self._fetcher.fetch(
                url, validators, media_types=media_types, await_turn=self._await_turn
            )
        finally:
            self._last = time.monotonic()

    def _await_turn(self, host: str) -> None:
        """Wait until the host may be asked. What a site's rules ask for concerns its own host."""
        pause_seconds = self._delay_seconds if host == self._host else self._least_seconds
        self._sleep(self._take_turn(host, pause_seconds).wait_seconds)

    def _read_rules(self, start: str) -> Protego:
        """Read robots.txt, as RFC 9309 has it: none allows everything, an error nothing.

        Raises FetchFailed for an error.
        """
        fetched = self._fetcher.fetch(
            str(httpx2.URL(start).join("/robots.txt")),
            max_bytes=MAX_ROBOTS_BYTES,
            await_turn=self._await_turn,
        )
        if fetched.status >= 500 or fetched.status in BUSY:
            raise FetchFailed(f"Its robots.txt answers {fetched.status}, so nothing may be read.")
        return Protego.parse(fetched.content.decode("utf-8", "replace"))
