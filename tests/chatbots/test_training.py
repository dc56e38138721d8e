"""A site and files that are added in the dashboard, read by real workers, and asked about."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from chatbots.models import Chatbot, Chunk, Page, Source
from tests.chatbots.knowledge.extraction.files import docx, heading, paragraph, pdf
from tests.chatbots.knowledge.site import Site
from tests.chatbots.knowledge.syncing.shop import page, shop
from tests.chatbots.test_pages import page_of, signed_in, text
from tests.conftest import ApiClient, wait_for
from tests.core.test_worker import age_heartbeat, kill
from tests.workers import Workers

__all__ = ["signed_in"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(shop()) as site:
        site.pages["/sitemap.xml"] = str(site.pages["/sitemap.xml"]).format(url=site.url)
        yield site


@pytest.fixture(autouse=True)
def _tell_workers(
    site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Let this process and workers use the same files, and the site."""
    settings.MEDIA_ROOT, settings.CRAWL_ALLOWED_HOSTS = tmp_path / "media", [site.host]
    monkeypatch.setenv("MEDIA_ROOT", str(tmp_path / "media"))
    monkeypatch.setenv("CRAWL_ALLOWED_HOSTS", site.host)
    monkeypatch.setenv("CRAWL_DELAY_SECONDS", "0.01")


def ask(api: ApiClient, chatbot: Chatbot, question: str) -> str:
    """Ask in a conversation of its own."""
    message = {"message": question, "session_id": question}
    answer = api.post(f"/chatbots/{chatbot.id}/chat", message)
    assert answer.status_code == 200
    return str(answer.json()["response"])


def status(source: Source) -> str:
    source.refresh_from_db()
    return source.status


def test_what_is_added_is_known_from_the_right_page(
    signed_in: Client,
    api: ApiClient,
    chatbot: Chatbot,
    site: Site,
    workers: Workers,
) -> None:
    workers.start()
    signed_in.post(page_of(chatbot, "sources/add-site/"), {"url": site.url})
    manual = pdf([(20, "Engine"), (10, "The diesel engine has to be oiled every 60 hours.")])
    terms = docx(heading(1, "Terms") + paragraph("Invoices have to be paid within 14 days."))
    for name, content in (("manual.pdf", manual), ("terms.docx", terms)):
        file = SimpleUploadedFile(name, content)
        signed_in.post(page_of(chatbot, "sources/add-file/"), {"file": file})
    sources = Source.objects.filter(type__in=["url", "file"])
    wait_for(lambda: sources.filter(status="done").count() == 3, what=workers.said)
    assert ask(api, chatbot, "Who is the captain?") == "Our captain is called Solveig."
    assert "40 days" in ask(api, chatbot, "How long may boats be returned?")
    assert "60 hours" in ask(api, chatbot, "How often does the diesel engine have to be oiled?")
    assert "14 days" in ask(api, chatbot, "When do invoices have to be paid?")
    assert ask(api, chatbot, "Who painted the Mona Lisa?") == chatbot.fallback_message


def test_a_killed_worker_loses_and_repeats_nothing(
    signed_in: Client,
    api: ApiClient,
    chatbot: Chatbot,
    site: Site,
    workers: Workers,
) -> None:
    reached, go = threading.Event(), threading.Event()

    def stuck() -> str:
        reached.set()
        go.wait(120)
        return page("Crew", "<p>Our captain is called Solveig.</p>")

    site.pages["/crew"] = stuck
    workers.start()
    signed_in.post(page_of(chatbot, "sources/add-site/"), {"url": site.url})
    source = Source.objects.get(type="url")
    assert reached.wait(120), workers.said()
    shown = text(signed_in.get(page_of(chatbot, f"sources/{source.id}/pages/")))
    assert "Reading" in shown
    read = dict(Page.objects.filter(source=source, state="read").values_list("url", "pk"))
    assert read
    dead = kill(workers.processes[-1])
    go.set()
    workers.start()
    age_heartbeat(dead)
    wait_for(lambda: status(source) == "done", what=workers.said)
    kept = dict(Page.objects.live().filter(source=source).values_list("url", "pk"))
    assert read.items() <= kept.items()
    asked = [path for path in site.paths() if path not in ("/robots.txt", "/crew")]
    assert len(asked) == len(set(asked))
    assert Chunk.objects.filter(page__source=source).count() == source.page_count == 4
    assert ask(api, chatbot, "Who is the captain?") == "Our captain is called Solveig."


def test_a_worker_that_is_killed_while_it_learns_goes_on(
    signed_in: Client,
    chatbot: Chatbot,
    site: Site,
    workers: Workers,
) -> None:
    links = "".join(f"<a href=/{number}>{number}</a>" for number in range(8))
    site.pages = {"/": page("Home", links)}
    for number in range(8):
        text_of_page = f"<p>Boat {number} was built in {1900 + number}.</p>"
        site.pages[f"/{number}"] = page(f"Boat {number}", text_of_page)
    workers.start()
    signed_in.post(page_of(chatbot, "sources/add-site/"), {"url": site.url})
    source = Source.objects.get(type="url")
    learnt = Page.objects.filter(source=source, state="embedded")
    wait_for(learnt.exists, what=workers.said)
    dead = kill(workers.processes[-1])
    before = set(Chunk.objects.filter(page__in=learnt).values_list("pk", flat=True))
    workers.start()
    age_heartbeat(dead)
    wait_for(lambda: status(source) == "done", what=workers.said)
    assert source.page_count == 9
    assert before <= set(Chunk.objects.values_list("pk", flat=True))
    assert len(site.paths()) == len(set(site.paths())) + site.paths().count("/robots.txt") - 1
