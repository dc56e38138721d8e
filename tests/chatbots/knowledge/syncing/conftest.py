from collections.abc import Iterator

import pytest
from pytest_django import Settings

from chatbots.knowledge.extraction.reader import read
from chatbots.knowledge.syncing import crawl, run
from chatbots.models import Chatbot, Source
from chatbots.training import add_url_source
from tests.chatbots.knowledge.site import Site
from tests.chatbots.knowledge.syncing.shop import shop


@pytest.fixture(autouse=True)
def _read_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the time that a process for each page takes; test_training.py has them."""
    for module in (crawl, run):
        monkeypatch.setattr(module, "read_safely", read)


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with Site(shop()) as site:
        site.pages["/sitemap.xml"] = str(site.pages["/sitemap.xml"]).format(url=site.url)
        settings.CRAWL_ALLOWED_HOSTS = [site.host]
        settings.CRAWL_DELAY_SECONDS = 0.0
        yield site


@pytest.fixture
def source(site: Site, chatbot: Chatbot) -> Source:
    """Return the site as a source that waits for a worker."""
    return add_url_source(chatbot, f"{site.url}/", is_site=True)
