"""A site on loopback becomes what a chatbot knows, and stays up to date."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chatbots.knowledge import learning
from chatbots.knowledge.crawling import turns
from chatbots.knowledge.crawling.turns import Turn
from chatbots.knowledge.crawling.visitor import Visitor
from chatbots.knowledge.documents import Document
from chatbots.knowledge.fetching import Fetcher
from chatbots.knowledge.syncing import crawl, learn_pages, run
from chatbots.knowledge.syncing.sync import progress
from chatbots.models import Chatbot, Page, Source
from chatbots.services import create_chatbot
from chatbots.training import add_url_source, request_sync
from tests.chatbots.knowledge.site import Answer, Site, redirect
from tests.chatbots.knowledge.syncing.shop import page
from tests.jobs import run_due_jobs


def sync(source: Source) -> Source:
    request_sync(Source.objects.filter(pk=source.pk))
    run_due_jobs()
    source.refresh_from_db()
    return source


def live(source: Source) -> dict[str, str]:
    """Return the texts of the pages that the chatbot answers from, by path."""
    pages = source.pages.live()
    return {path_of(page): page.text for page in pages}


def left_out(source: Source) -> dict[str, str]:
    return {path_of(page): page.reason for page in source.pages.filter(state="failed")}


def path_of(page: Page) -> str:
    return "/" + page.url.split("/", 3)[3]


@pytest.fixture
def learnt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the pages that are chunked and embedded, as they are."""
    pages: list[str] = []
    learn = learning.learn

    def note(page: Page, document: Document) -> None:
        pages.append(path_of(page))
        learn(page, document)

    monkeypatch.setattr(learn_pages, "learn", note)
    return pages


def test_a_site_is_read_from_its_address_alone(source: Source, site: Site) -> None:
    assert (source.status, source.page_count) == ("pending", 0)
    run_due_jobs()
    source.refresh_from_db()
    assert (source.status, source.page_count, source.title) == ("done", 4, "Home")
    assert live(source) == {
        "/": "We sell boats made of wood.\n\nReturns",
        "/prices": "Boat: Pram; Price: 900 EUR",
        "/returns": "Boats can be returned within 40 days.\n\nagain gone secret other",
        "/crew": "Our captain is called Solveig.",
    }
    assert left_out(source) == {
        "/missing": "It does not exist (404).",
        "/hidden": "The site's robots.txt asks robots not to read it.",
        "/app": "It has no readable text: it needs JavaScript.",
    }
    assert "/hidden" not in site.paths()
    assert all(agent.startswith("InsiteChatBot/1.0 (+http") for agent in site.user_agents)


def test_an_unchanged_site_is_not_learnt_again(
    source: Source, site: Site, learnt: list[str]
) -> None:
    run_due_jobs()
    before = set(source.pages.live().values_list("pk", flat=True))
    assert sorted(learnt) == ["/", "/crew", "/prices", "/returns"]
    site.requests.clear()
    source = sync(source)
    assert len(learnt) == 4
    assert set(source.pages.live().values_list("pk", flat=True)) == before
    assert (source.status, source.page_count) == ("done", 4)
    assert sorted(site.paths(304)) == ["/", "/crew", "/prices", "/returns"]
    assert set(left_out(source)) == {"/missing", "/hidden", "/app"}


def test_what_changes_is_learnt_and_what_vanishes_is_dropped(
    source: Source, site: Site, learnt: list[str]
) -> None:
    run_due_jobs()
    learnt.clear()
    site.pages["/crew"] = page("Crew", "<p>Our captain is called Ragnhild.</p>")
    site.pages["/prices"] = Answer(status=410)
    site.pages["/missing"] = page("Found", "<p>Here it is.</p>")
    source = sync(source)
    assert sorted(learnt) == ["/crew", "/missing"]
    texts = live(source)
    assert texts["/crew"] == "Our captain is called Ragnhild."
    assert set(texts) == {"/", "/returns", "/crew", "/missing"}
    assert source.pages.filter(state="embedded").count() == 4


def test_a_page_whose_frame_changes_is_not_learnt_again(
    source: Source, site: Site, learnt: list[str]
) -> None:
    run_due_jobs()
    learnt.clear()
    for path in ("/", "/prices", "/returns", "/crew"):
        site.pages[path] = str(site.pages[path]).replace("Harbour Street 1", "Harbour Street 2")
    sync(source)
    assert learnt == []


def test_what_cannot_be_fetched_for_now_is_kept(source: Source, site: Site) -> None:
    run_due_jobs()
    site.pages["/returns"] = Answer(status=500)
    source = sync(source)
    assert source.status == "done"
    assert "/returns" in live(source)
    reason = source.pages.live().get(url=f"{site.url}/returns").reason
    assert reason == "The version of the last sync is used. Its server answers 500."


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (Answer(status=500), "Its server answers 500."),
        (Answer(status=404), "It does not exist (404)."),
        ("<script></script><div id=app>", "It has no readable text: it needs JavaScript."),
        ("<meta name=robots content=noindex><p>x", "It asks robots to leave it out (noindex)."),
        (
            Answer(b"x", headers={"Content-Type": "image/png"}),
            "cannot be read (image/png)",
        ),
        (redirect("http://127.0.0.1:1/"), "Port 1 is not read"),
        (redirect("http://169.254.169.254/"), "private network"),
    ],
)
def test_a_site_that_cannot_be_read_says_why(
    source: Source, site: Site, start: Answer | str, reason: str
) -> None:
    site.pages = {"/": start}
    run_due_jobs()
    source.refresh_from_db()
    assert (source.status, source.page_count) == ("failed", 0)
    assert reason in source.failure


def test_a_site_that_goes_down_midway_has_no_pages(source: Source, site: Site) -> None:
    site.pages["/"] = page("Home", "".join(f"<a href=/{number}>x</a>" for number in range(9)))
    site.pages |= {f"/{number}": Answer(status=502) for number in range(9)}
    run_due_jobs()
    source.refresh_from_db()
    assert (source.status, source.page_count) == ("failed", 0)
    assert source.failure == "Its server answers 502."
    assert len(site.paths(502)) == 5


def test_a_site_that_fails_keeps_what_is_known(source: Source, site: Site) -> None:
    run_due_jobs()
    site.pages = {"/": Answer(status=503)}
    source = sync(source)
    assert (source.status, source.page_count) == ("failed", 4)
    assert len(live(source)) == 4


def test_a_private_address_is_refused(source: Source, chatbot: Chatbot, settings: Settings) -> None:
    settings.CRAWL_ALLOWED_HOSTS = []
    local = add_url_source(chatbot, "http://localhost/", is_site=True)
    run_due_jobs()
    local.refresh_from_db()
    assert local.failure == "localhost is an address of a private network, which is not read."


def test_the_plan_limits_the_pages(source: Source, chatbot: Chatbot) -> None:
    plan = chatbot.owner.plan
    plan.max_pages_per_source = 2
    plan.save()
    run_due_jobs()
    source.refresh_from_db()
    assert (source.page_count, source.pages.count()) == (2, 2)


def test_one_page_is_read_alone(site: Site, chatbot: Chatbot) -> None:
    source = add_url_source(chatbot, f"{site.url}/returns", is_site=False)
    run_due_jobs()
    source.refresh_from_db()
    assert (source.title, source.page_count) == ("Returns", 1)
    assert site.paths() == ["/robots.txt", "/returns"]


def test_pages_with_several_addresses_are_read_once(
    source: Source, site: Site, learnt: list[str]
) -> None:
    canonical = page("Crew", "<p>Captain Solveig.</p><link rel=canonical href=/crew>")
    site.pages |= {"/crew": canonical, "/team": canonical, "/we": redirect("/crew", 301)}
    site.pages["/us"] = page("Crew", "<p>Captain Solveig.</p>")
    site.pages["/"] = page("Home", "<a href=/team>a</a><a href=/we>b</a><a href=/us>c</a>Boats.")
    run_due_jobs()
    assert sorted(learnt) == ["/", "/prices", "/us"]
    assert set(left_out(source)) == {"/app", "/crew"}
    assert left_out(source)["/crew"] == f"It says the same as {site.url}/us."


def test_a_site_that_has_moved_is_followed(source: Source, site: Site, settings: Settings) -> None:
    with Site({"/new": page("New", "<p>Moved.</p><a href=/b>b</a>"), "/b": "<p>B"}) as new:
        settings.CRAWL_ALLOWED_HOSTS = [site.host, new.host]
        site.pages["/"] = redirect(f"{new.url}/new")
        run_due_jobs()
        source.refresh_from_db()
        assert source.url == f"{new.url}/new"
        assert set(live(source)) == {"/new", "/b"}
        assert new.paths()[:3] == ["/new", "/robots.txt", "/new"]


def test_a_page_that_leads_elsewhere_is_left_out(
    source: Source, site: Site, settings: Settings
) -> None:
    with Site({"/": "<p>Elsewhere"}) as other:
        settings.CRAWL_ALLOWED_HOSTS = [site.host, other.host]
        site.pages["/crew"] = redirect(f"{other.url}/")
        run_due_jobs()
    assert left_out(source)["/crew"] == "It leads to another site."


def test_what_is_shown_while_it_runs_is_true(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit, seen = crawl.Crawl.visit, []

    def look(self: crawl.Crawl, visited: Page) -> None:
        visit(self, visited)
        stored = Source.objects.get(pk=source.pk)
        seen.append((path_of(visited), stored.status, stored.page_count, progress(stored)["found"]))

    monkeypatch.setattr(crawl.Crawl, "visit", look)
    run_due_jobs()
    assert seen[0] == ("/", "crawling", 0, 5)
    assert seen[-1] == ("/hidden", "crawling", 4, 7)
    source.refresh_from_db()
    assert progress(source) == {"found": 7, "read": 4, "embedded": 4, "failed": 3}


def test_syncs_are_due_by_their_schedule(source: Source) -> None:
    Source.objects.update(resync="weekly")
    run_due_jobs()
    source.refresh_from_db()
    assert source.next_sync_at is not None
    assert source.next_sync_at - timezone.now() > timedelta(days=6)


def test_two_accounts_read_a_host_together_at_its_pace(
    source: Source, site: Site, stranger: User, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.CRAWL_DELAY_SECONDS = 60.0
    other = add_url_source(create_chatbot(stranger, "Other"), f"{site.url}/", is_site=True)
    granted: list[datetime] = []

    def take_turn(host: str, pause_seconds: float) -> Turn:
        turn = turns.take_turn(host, pause_seconds)
        granted.append(turn.at)
        return turn

    def visitor(fetcher: Fetcher, start: str, delay_seconds: float) -> Visitor:
        return Visitor(fetcher, start, delay_seconds, lambda seconds: None, take_turn)

    monkeypatch.setattr(run, "Visitor", visitor)
    run_due_jobs()
    assert all(live(each) for each in (source, other))
    assert len(granted) == len(site.requests)
    assert all(later - earlier >= timedelta(minutes=1) for earlier, later in pairwise(granted))
