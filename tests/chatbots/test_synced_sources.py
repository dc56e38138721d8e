"""Dashboard → sources that a worker reads: sites and files."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from chatbots import training
from chatbots.deletion import delete_chatbots
from chatbots.models import Chatbot, Chunk, Page, Source
from chatbots.training import add_url_source
from tests.chatbots.knowledge.extraction.files import docx, heading, paragraph, pdf
from tests.chatbots.test_pages import page_of, signed_in, text
from tests.conftest import ApiClient
from tests.jobs import run_due_jobs

__all__ = ["signed_in"]

MANUAL = pdf([(20, "Engine"), (10, "The engine needs diesel.")])
TERMS = docx(heading(1, "Terms") + paragraph("Payment is due in 14 days."))


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """Return where files are stored in this test."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def waiting(chatbot: Chatbot) -> Source:
    """Return a site that waits for a worker."""
    return add_url_source(chatbot, "https://shop.example/", is_site=True)


def stored_files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def add_file(client: Client, chatbot: Chatbot, content: bytes, name: str = "manual.pdf") -> str:
    file = SimpleUploadedFile(name, content)
    return text(client.post(page_of(chatbot, "sources/add-file/"), {"file": file}, follow=True))


class TestAddingASite:
    @pytest.mark.parametrize(
        ("typed", "url"),
        [
            ("shop.example", "https://shop.example/"),
            (" HTTP://Shop.example/a#b ", "http://shop.example/a"),
        ],
    )
    def test_it_asks_for_one_address(
        self, signed_in: Client, chatbot: Chatbot, typed: str, url: str
    ) -> None:
        form = text(signed_in.get(page_of(chatbot, "sources/add-site/")))
        assert form.count("<input") == form.count('type="hidden"') + 1
        posted = signed_in.post(page_of(chatbot, "sources/add-site/"), {"url": typed}, follow=True)
        assert "Waiting for a worker" in text(posted)
        source = Source.objects.get(type="url")
        assert (source.url, source.is_site, source.status) == (url, True, "pending")

    @pytest.mark.parametrize(
        ("typed", "reason"),
        [
            ("", "required"),
            ("ftp://shop.example/", "http://"),
            ("https://a:b@shop.example/", "user name"),
            ("shop.example:8080", "Port 8080"),
            ("https://", "http://"),
            ("x" * 2001, "2000"),
        ],
    )
    def test_what_is_no_address_is_said_beside_the_field(
        self, signed_in: Client, chatbot: Chatbot, typed: str, reason: str
    ) -> None:
        posted = signed_in.post(page_of(chatbot, "sources/add-site/"), {"url": typed})
        assert posted.status_code == 400
        assert reason in str(posted.context["form"].errors["url"])

    def test_one_page_can_be_added_alone(self, signed_in: Client, chatbot: Chatbot) -> None:
        signed_in.post(page_of(chatbot, "sources/add-page/"), {"url": "shop.example"})
        assert not Source.objects.get(type="url").is_site


class TestAddingAFile:
    @pytest.mark.parametrize(
        ("content", "name", "learnt"),
        [
            (MANUAL, "manual.pdf", "The engine needs diesel."),
            (TERMS, "terms.docx", "Payment is due in 14 days."),
            (b"# Hours\n\nWe open at nine.", "hours.md", "We open at nine."),
        ],
        ids=["pdf", "docx", "md"],
    )
    def test_it_is_stored_read_and_learnt(
        self,
        signed_in: Client,
        chatbot: Chatbot,
        api: ApiClient,
        media: Path,
        content: bytes,
        name: str,
        learnt: str,
    ) -> None:
        assert "Waiting for a worker" in add_file(signed_in, chatbot, content, name)
        (stored,) = stored_files(media)
        assert stored.read_bytes() == content
        assert stored.stat().st_mode & 0o077 == 0
        assert stored.suffix == ""
        run_due_jobs()
        source = Source.objects.get(type="file")
        page = source.pages.get()
        shown = text(signed_in.get(page_of(chatbot, f"sources/{source.id}/pages/")))
        assert "Known" in shown
        assert learnt in text(
            signed_in.get(page_of(chatbot, f"sources/{source.id}/pages/{page.id}/"))
        )
        listed = api.get(f"/chatbots/{chatbot.id}/sources").json()[0]
        assert (listed["type"], listed["title"], listed["status"]) == ("file", name, "done")
        assert (listed["url"], listed["page_count"]) == ("", 0)

    def test_one_that_cannot_be_read_says_why(self, signed_in: Client, chatbot: Chatbot) -> None:
        add_file(signed_in, chatbot, pdf([(10, "x")], is_locked=True))
        run_due_jobs()
        source = Source.objects.get(type="file")
        shown = text(signed_in.get(page_of(chatbot, f"sources/{source.id}/pages/")))
        assert "The PDF is protected by a password" in shown
        assert "Try again" in shown
        assert "Failed" in text(signed_in.get(page_of(chatbot)))

    def test_one_that_is_too_large_is_not_kept(
        self, browser: Client, chatbot: Chatbot, media: Path
    ) -> None:
        chatbot.owner.plan.max_file_megabytes = 1
        chatbot.owner.plan.save()
        browser.get(page_of(chatbot, "sources/add-file/"))
        token = browser.cookies["csrftoken"].value
        for size, said in ((1024 * 1024 + 1, "larger than 1 MB."), (3_000_000, "larger than 1 MB")):
            file = SimpleUploadedFile("a.txt", b"x" * size)
            form = {"csrfmiddlewaretoken": token, "file": file}
            posted = browser.post(page_of(chatbot, "sources/add-file/"), form, follow=True)
            assert said in text(posted)
        assert not stored_files(media)
        assert not Source.objects.filter(type="file").exists()

    def test_the_plan_limits_the_sources(
        self, signed_in: Client, chatbot: Chatbot, media: Path
    ) -> None:
        chatbot.owner.plan.max_sources = 1
        chatbot.owner.plan.save()
        assert "Maximum 1 sources allowed" in add_file(signed_in, chatbot, TERMS)
        added = signed_in.post(page_of(chatbot, "sources/add-site/"), {"url": "shop.example"})
        assert "Maximum 1 sources allowed" in text(added)
        assert not stored_files(media)

    def test_it_takes_a_token(self, browser: Client, chatbot: Chatbot) -> None:
        file = SimpleUploadedFile("a.txt", b"x")
        posted = browser.post(page_of(chatbot, "sources/add-file/"), {"file": file})
        assert posted.status_code == 403

    def test_an_empty_one_is_refused(self, signed_in: Client, chatbot: Chatbot) -> None:
        assert "empty" in add_file(signed_in, chatbot, b"")

    def test_it_goes_with_its_chatbot(
        self, signed_in: Client, chatbot: Chatbot, media: Path
    ) -> None:
        add_file(signed_in, chatbot, TERMS)
        run_due_jobs()
        assert stored_files(media)
        delete_chatbots(Chatbot.objects.filter(pk=chatbot.pk))
        assert not stored_files(media)
        assert not Page.objects.exists()
        assert not Chunk.objects.exists()


class TestSyncing:
    def test_a_waiting_sync_is_cancelled_at_once(
        self, signed_in: Client, chatbot: Chatbot, waiting: Source
    ) -> None:
        cancelled = signed_in.post(page_of(chatbot, f"sources/{waiting.id}/cancel/"), follow=True)
        assert "It was cancelled before anything had been learnt." in text(cancelled)
        run_due_jobs()
        waiting.refresh_from_db()
        assert waiting.status == "failed"

    def test_a_sync_is_queued_once(
        self, signed_in: Client, chatbot: Chatbot, waiting: Source
    ) -> None:
        Source.objects.update(status="done")
        for _ in range(3):
            signed_in.post(page_of(chatbot, f"sources/{waiting.id}/sync/"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE lock LIKE 'train %'")
            assert cursor.fetchone() == (1,)

    def test_the_schedule_is_the_owners(
        self, signed_in: Client, chatbot: Chatbot, waiting: Source
    ) -> None:
        now = timezone.now()
        Source.objects.update(status="done", synced_at=now)
        page = page_of(chatbot, f"sources/{waiting.id}/schedule/")
        for resync, days in (("daily", 1), ("weekly", 7), ("monthly", 30)):
            signed_in.post(page, {"resync": resync})
            waiting.refresh_from_db()
            assert waiting.next_sync_at == now + timedelta(days=days)
        signed_in.post(page, {"resync": "hourly"})
        signed_in.post(page, {"resync": "never"})
        waiting.refresh_from_db()
        assert waiting.next_sync_at is None

    def test_those_whose_time_has_come_are_started(self, chatbot: Chatbot, waiting: Source) -> None:
        now = timezone.now()
        Source.objects.update(status="done", next_sync_at=now + timedelta(hours=1))
        training.start_due_syncs()
        assert not training.trainable().exists()
        Source.objects.update(next_sync_at=now)
        training.start_due_syncs()
        assert training.trainable().get() == waiting

    def test_one_that_kills_its_workers_fails(self, waiting: Source) -> None:
        training.fail_lost_syncs()
        waiting.refresh_from_db()
        assert waiting.status == "pending"
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'failed'")
        training.fail_lost_syncs()
        waiting.refresh_from_db()
        assert (waiting.status, waiting.failure) == ("failed", training.BROKEN)

    def test_one_that_breaks_is_tried_again_and_then_fails(
        self, waiting: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError

        monkeypatch.setattr("chatbots.knowledge.syncing.run.sync_for", broken)
        for _ in range(train_attempts := training.train.retry.attempts):
            waiting.refresh_from_db()
            assert waiting.status == "pending"
            with connection.cursor() as cursor:
                cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
            run_due_jobs()
        assert train_attempts == 4
        waiting.refresh_from_db()
        assert (waiting.status, waiting.failure) == ("failed", training.BROKEN)

    def test_a_deleted_source_is_not_read_until_it_is_back(
        self, signed_in: Client, chatbot: Chatbot, waiting: Source
    ) -> None:
        signed_in.post(page_of(chatbot, f"sources/{waiting.id}/delete/"))
        run_due_jobs()
        waiting.refresh_from_db()
        assert waiting.status == "pending"
        assert signed_in.get(page_of(chatbot, f"sources/{waiting.id}/pages/")).status_code == 404
        signed_in.post(page_of(chatbot, f"sources/{waiting.id}/restore/"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
            assert cursor.fetchone() == (1,)


@pytest.mark.parametrize("rest", ["pages/", "pages/1/"])
def test_a_stranger_sees_nothing(
    strangers_browser: Client, chatbot: Chatbot, waiting: Source, rest: str
) -> None:
    assert (
        strangers_browser.get(page_of(chatbot, f"sources/{waiting.id}/{rest}")).status_code == 404
    )


@pytest.mark.parametrize("deed", ["sync/", "cancel/", "schedule/"])
def test_a_stranger_does_nothing(
    strangers_browser: Client, chatbot: Chatbot, waiting: Source, deed: str
) -> None:
    posted = strangers_browser.post(page_of(chatbot, f"sources/{waiting.id}/{deed}"))
    assert posted.status_code == 404


@pytest.mark.parametrize("path", ["sources/add-site/", "sources/add-page/", "sources/add-file/"])
def test_a_stranger_adds_nothing(strangers_browser: Client, chatbot: Chatbot, path: str) -> None:
    assert strangers_browser.get(page_of(chatbot, path)).status_code == 404
    assert strangers_browser.post(page_of(chatbot, path), {"url": "x.example"}).status_code == 404


def test_lists_are_paged(signed_in: Client, chatbot: Chatbot) -> None:
    for number in range(51):
        Source.objects.create(chatbot=chatbot, title=f"Source {number}", type="text")
    first = text(signed_in.get(page_of(chatbot)))
    assert "Page 1 of 2" in first
    assert "Source 0<" not in first
    assert "Source 0<" in text(signed_in.get(page_of(chatbot, "?page=2")))
