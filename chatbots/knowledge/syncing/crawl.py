"""Reading a site, page by page: each is stored with the pages that it leads to, or not at all."""

import time
from collections.abc import Iterable
from itertools import islice

from django.db import transaction
from django.utils import timezone

from chatbots.knowledge.crawling.addresses import canonical, pages_among, root_of, site_of
from chatbots.knowledge.crawling.visitor import MEDIA_TYPES, Visitor
from chatbots.knowledge.extraction.reading import File, Reading, Unreadable
from chatbots.knowledge.extraction.sandbox import read_safely
from chatbots.knowledge.fetching import (
    NO_VALIDATORS,
    Fetched,
    FetchFailed,
    FetchRefused,
    Validators,
)
from chatbots.knowledge.syncing.sync import Sync, SyncFailed
from chatbots.models import Page

# After so many pages in a row that could not be fetched, a site is taken to be down.
MAX_FAILURES = 5
REASONS = {
    401: "It asks for a sign-in.",
    403: "Its server refuses to show it.",
    404: "It does not exist (404).",
    410: "It does not exist any more (410).",
}
NEEDS_JAVASCRIPT = "It has no readable text: it needs JavaScript."
NO_INDEX = "It asks robots to leave it out (noindex)."


class LeftOut(Exception):
    """A page is no part of the source. The message says why, and is shown to the owner."""


class Moved(Exception):
    """The site is at another address now, which the source has been given."""


class Crawl:
    """Visits the staged pages of a sync that were found and not read yet."""

    def __init__(self, sync: Sync, visitor: Visitor, max_pages: int) -> None:
        self.sync = sync
        self.source = sync.source
        self.visitor = visitor
        self.max_pages = max_pages
        self.site = site_of(self.source.url)
        self.failures = 0

    def run(self, until: float) -> bool:
        """Visit pages until none is left; False if it is later than `until` before that.

        Raises SyncFailed, SyncCancelled, and JobAborted.
        """
        while page := self.sync.next_in(Page.State.FOUND):
            if time.monotonic() >= until:
                return False
            self.sync.check()
            try:
                self.visit(page)
            except Moved:
                return False
            self.sync.count_pages()
        return True

    def visit(self, page: Page) -> None:
        before = self.live_page(page.url)
        try:
            self.read(page, before)
        except (LeftOut, FetchRefused, Unreadable) as error:
            self.sync.leave_out(page, str(error))
            self.failures = 0
        except FetchFailed as error:
            self.keep(page, before, str(error))
        else:
            self.failures = 0

    def live_page(self, url: str) -> Page | None:
        return self.source.pages.live().filter(url=url).first()

    def read(self, page: Page, before: Page | None) -> None:
        if not self.visitor.may_visit(page.url):
            raise LeftOut("The site's robots.txt asks robots not to read it.")
        fetched = self.visitor.visit(page.url, validators_of(before))
        if fetched.status == 304 and before:
            return self.confirm(page, before)
        check_status(fetched)
        url = self.settle(page, canonical(fetched.url))
        if url is None:
            return None
        reading = read_safely(File(fetched.content, "", url, fetched.media_type, fetched.charset))
        return self.store(page, url, reading, fetched)

    def settle(self, page: Page, url: str) -> str | None:
        """Return the address that a page has in the end, None if that is another page's."""
        if site_of(url) == self.site:
            return None if url != page.url and self.forget_double(page, url) else url
        if page.url != self.source.url:
            raise LeftOut("It leads to another site.")
        self.sync.change(url=url)
        page.url = url
        page.save(update_fields=["url"])
        raise Moved

    def forget_double(self, page: Page, url: str) -> bool:
        """Delete a page whose address leads to one that is known; say whether it did."""
        if page.url == self.source.url or not self.known([url]):
            return False
        page.delete()
        return True

    def store(self, page: Page, url: str, reading: Reading, fetched: Fetched) -> None:
        """Store what was read, and the pages that it leads to."""
        own = own_address(url, reading, self.site)
        if own != url and self.forget_double(page, own):
            return
        links = self.links_of(page, reading.links if reading.may_follow else ())
        page.title = reading.document.title
        page.etag, page.last_modified = fetched.validators.etag, fetched.validators.last_modified
        page.state, page.reading = Page.State.READ, reading.stored(links)
        page.checked_at = timezone.now()
        if reason := reason_to_leave_out(reading):
            page.state, page.reason = Page.State.FAILED, reason
        if page.url != self.source.url:
            page.url = own
        with transaction.atomic():
            page.save()
            self.add(links)

    def links_of(self, page: Page, links: Iterable[str]) -> list[str]:
        """Return the pages of the site that a page leads to; the first one to the sitemap's too."""
        if not self.source.is_site:
            return []
        found = pages_among(links, self.site)
        if page.url == self.source.url:
            listed = islice(self.visitor.listed_pages(self.source.url), self.max_pages)
            found = list(dict.fromkeys([*found, *pages_among(listed, self.site)]))
        return found[: self.max_pages]

    def confirm(self, page: Page, before: Page, reason: str = "") -> None:
        """Let a live page stay as it is, with the pages that it leads to."""
        links = self.links_of(page, (before.reading or {}).get("links", ()))
        before.checked_at, before.reason = timezone.now(), reason
        with transaction.atomic():
            before.save(update_fields=["checked_at", "reason"])
            page.delete()
            self.add(links)

    def keep(self, page: Page, before: Page | None, reason: str) -> None:
        """Keep what was known of a page that cannot be fetched now. Raises SyncFailed."""
        self.failures += 1
        if page.url == self.source.url or self.failures >= MAX_FAILURES:
            raise SyncFailed(reason)
        if before:
            self.confirm(page, before, f"The version of the last sync is used. {reason}")
        else:
            self.sync.leave_out(page, reason)

    def add(self, urls: list[str]) -> None:
        """Add the pages that are not known, as far as the plan allows more."""
        known = self.known(urls)
        room = max(self.max_pages - self.sync.staged.count() - self.sync.confirmed.count(), 0)
        new = [url for url in urls if url not in known][:room]
        Page.objects.bulk_create(
            Page(chatbot_id=self.source.chatbot_id, source=self.source, url=url) for url in new
        )

    def known(self, urls: list[str]) -> set[str]:
        return {
            url
            for pages in (self.sync.staged, self.sync.confirmed)
            for url in pages.filter(url__in=urls).values_list("url", flat=True)
        }


def validators_of(page: Page | None) -> Validators:
    return Validators(page.etag, page.last_modified) if page else NO_VALIDATORS


def check_status(fetched: Fetched) -> None:
    """Raise LeftOut for what will not be there later either, FetchFailed for what may be."""
    if fetched.status >= 500 or fetched.status in {408, 425, 429}:
        raise FetchFailed(f"Its server answers {fetched.status}.")
    if fetched.status != 200:
        raise LeftOut(REASONS.get(fetched.status, f"Its server answers {fetched.status}."))
    if fetched.media_type and fetched.media_type not in MEDIA_TYPES:
        raise LeftOut(f"It is of a type that cannot be read ({fetched.media_type}).")


def own_address(url: str, reading: Reading, site: tuple[str, int | None]) -> str:
    """Return the address that a page calls its own, unless that is the front page's.

    Many sites call their front page canonical on all pages by mistake.
    """
    called = pages_among([reading.canonical], site)
    return called[0] if called and called[0] != root_of(url) else url


def reason_to_leave_out(reading: Reading) -> str:
    if not reading.may_index:
        return NO_INDEX
    if reading.needs_javascript:
        return NEEDS_JAVASCRIPT
    return "" if reading.document.blocks else "There is no text on it."
