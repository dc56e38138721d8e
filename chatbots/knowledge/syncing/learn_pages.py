"""Learning the pages that were read, without what all of them repeat."""

import hashlib
import json
import time
from dataclasses import asdict

from django.db import transaction
from django.utils import timezone

from chatbots.knowledge.boilerplate import repeated_texts, without
from chatbots.knowledge.documents import Document
from chatbots.knowledge.extraction.reading import document_from
from chatbots.knowledge.learning import NothingToLearn, learn
from chatbots.knowledge.syncing.sync import Sync
from chatbots.models import Page

READ_AT_ONCE = 50  # a page may have megabytes


def learn_pages(sync: Sync, until: float) -> bool:
    """Learn the staged pages that were read; False if it is later than `until` before the end.

    Raises SyncCancelled, JobAborted, and EmbedderUnavailable.
    """
    repeated = repeated_in(sync)
    while page := sync.next_in(Page.State.READ):
        if time.monotonic() >= until:
            return False
        sync.check()
        learn_page(sync, page, without(document_from(page.reading["document"]), repeated))
        sync.count_pages()
    return True


def repeated_in(sync: Sync) -> frozenset[int]:
    readings = (
        reading
        for pages in (sync.staged, sync.confirmed)
        for reading in pages.exclude(reading=None)
        .values_list("reading", flat=True)
        .iterator(READ_AT_ONCE)
    )
    return repeated_texts(document_from(reading["document"]) for reading in readings)


def learn_page(sync: Sync, page: Page, document: Document) -> None:
    if not document.blocks:
        return sync.leave_out(page, "It says nothing but what most pages of the site say.")
    page.content_hash = hash_of(document)
    same = sync.source.pages.filter(content_hash=page.content_hash).exclude(pk=page.pk)
    if unchanged := same.live().filter(url=page.url).first():
        return replace(page, unchanged)
    double = (same.staged() | same.filter(pk__in=sync.confirmed)).exclude(url=page.url).first()
    if double:
        return sync.leave_out(page, f"It says the same as {double.url}.")
    page.text = document.text
    try:
        learn(page, document)
    except NothingToLearn as error:
        sync.leave_out(page, f"{error}.")
    return None


def hash_of(document: Document) -> str:
    return hashlib.sha256(json.dumps(asdict(document)).encode()).hexdigest()


def replace(page: Page, unchanged: Page) -> None:
    """Let the live page stay in place of the staged one: what is learnt is the same."""
    unchanged.etag, unchanged.last_modified = page.etag, page.last_modified
    unchanged.reading, unchanged.checked_at, unchanged.reason = page.reading, timezone.now(), ""
    with transaction.atomic():
        unchanged.save(update_fields=["etag", "last_modified", "reading", "checked_at", "reason"])
        page.delete()
