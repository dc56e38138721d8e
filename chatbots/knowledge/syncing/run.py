"""A sync from beginning to end, in slices of time."""

import time

from django.conf import settings

from chatbots.knowledge.crawling.visitor import ROBOT, Visitor
from chatbots.knowledge.extraction.reading import File, Unreadable
from chatbots.knowledge.extraction.sandbox import read_safely
from chatbots.knowledge.fetching import AllowedHosts, Fetcher, FetchFailed, FetchRefused
from chatbots.knowledge.syncing.crawl import Crawl
from chatbots.knowledge.syncing.learn_pages import learn_pages
from chatbots.knowledge.syncing.sync import Sync, SyncFailed
from chatbots.models import Page, Source


def sync_for(source: Source, seconds: float) -> bool:
    """Begin or go on with the source's sync for so long; return whether it is finished.

    Everything is stored as soon as it is done, so a call after a crash goes on behind it. Raises
    SyncFailed, SyncCancelled, JobAborted, and EmbedderUnavailable.
    """
    until = time.monotonic() + seconds
    sync = Sync.resume(source)
    read = crawl_site if source.type == Source.Type.URL else read_file
    if not read(sync, until):
        return False
    sync.enter(Source.Status.PROCESSING)
    if not learn_pages(sync, until):
        return False
    sync.finish()
    return True


def crawl_site(sync: Sync, until: float) -> bool:
    if not sync.next_in(Page.State.FOUND):
        return True
    plan = sync.source.chatbot.owner.plan
    try:
        with Fetcher(user_agent(), AllowedHosts(settings.CRAWL_ALLOWED_HOSTS)) as fetcher:
            visitor = Visitor(fetcher, sync.source.url, settings.CRAWL_DELAY_SECONDS)
            return Crawl(sync, visitor, plan.max_pages_per_source).run(until)
    except (FetchFailed, FetchRefused) as error:  # of robots.txt
        raise SyncFailed(str(error)) from error


def user_agent() -> str:
    return f"{ROBOT}/1.0 (+{settings.PUBLIC_URL})"


def read_file(sync: Sync, until: float) -> bool:
    page = sync.next_in(Page.State.FOUND)
    if page is None:
        return True
    sync.check()
    try:
        with sync.source.file.open() as stored:
            reading = read_safely(File(stored.read(), sync.source.file_name))
    except FileNotFoundError as error:
        raise SyncFailed("The file is not stored any more: add it again.") from error
    except Unreadable as error:
        raise SyncFailed(str(error)) from error
    page.title, page.state, page.reading = reading.document.title, Page.State.READ, reading.stored()
    page.save()
    return True
