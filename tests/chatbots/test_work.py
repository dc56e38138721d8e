"""What pages tell of work that is under way: how far it has come, and how long it takes yet."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chatbots.knowledge import reindexing
from chatbots.models import Chatbot, Chunk, ChunkVectors, Page, SearchIndex, Source
from chatbots.retrieval import index
from chatbots.services import create_chatbot
from chatbots.work import work_for_chatbot, work_for_owner
from tests.chatbots.test_pages import LIST, page_of, signed_in, text

__all__ = ["signed_in"]

OVERVIEW = "/dashboard/"


def add_site(chatbot: Chatbot, learnt: int, read: int, found: int = 0, **fields: Any) -> Source:
    """Return a site whose sync has read pages for 100 seconds, and learns them since 100."""
    now = timezone.now()
    site = Source.objects.create(
        chatbot=chatbot,
        type="url",
        url="https://shop.example/",
        is_site=True,
        **{"status": "processing", "sync_started_at": now - timedelta(seconds=200)} | fields,
    )
    states = learnt * ["embedded"] + read * ["read"] + found * ["found"]
    Page.objects.bulk_create(
        Page(
            chatbot=chatbot,
            source=site,
            url=f"https://shop.example/{number}",
            state=state,
            checked_at=None if state == "found" else now - timedelta(seconds=100),
        )
        for number, state in enumerate(states)
    )
    return site


def words(chatbot: Chatbot) -> str | None:
    whole = work_for_chatbot(chatbot.id).whole
    return whole.in_words if whole else None


class TestCounting:
    def test_nothing_is_under_way(self, chatbot: Chatbot) -> None:
        assert words(chatbot) is None
        assert work_for_owner(chatbot.owner_id).whole is None

    def test_a_site_that_is_learnt(self, chatbot: Chatbot) -> None:
        add_site(chatbot, learnt=12, read=30)
        assert words(chatbot) == "Learning: 12 of 42 pages, about 4 min left"

    def test_a_site_that_is_read(self, chatbot: Chatbot) -> None:
        add_site(chatbot, learnt=0, read=10, found=20, status="crawling")
        assert words(chatbot) == "Reading: 10 of 30 pages, about 7 min left"

    def test_pages_of_the_last_sync_count_once_they_are_confirmed(self, chatbot: Chatbot) -> None:
        site = add_site(chatbot, learnt=3, read=3)
        for hours in (0, 24):
            checked_at = timezone.now() - timedelta(hours=hours)
            Page.objects.create(
                chatbot=chatbot, source=site, state="embedded", is_live=True, checked_at=checked_at
            )
        assert words(chatbot) == "Learning: 4 of 7 pages, about 2 min left"

    def test_a_file_is_counted_by_its_passages(self, chatbot: Chatbot) -> None:
        file = add_site(chatbot, learnt=0, read=1)
        Source.objects.filter(pk=file.pk).update(type="file")
        page = file.pages.get()
        chunks = [Chunk(page=page, position=number) for number in range(10)]
        for chunk in Chunk.objects.bulk_create(chunks)[:5]:
            for index_id in (1, 2):  # one is built beside the live one
                ChunkVectors.objects.create(
                    index_id=index_id, chunk_id=chunk.pk, page_id=page.pk, length=1
                )
        assert words(chatbot) == "Learning: 5 of 10 passages, about 2 min left"

    def test_what_is_deleted_does_not_count(self, chatbot: Chatbot) -> None:
        add_site(chatbot, learnt=1, read=1)
        Source.objects.filter(type="url").soft_delete()
        assert words(chatbot) is None

    def test_neither_does_a_chatbot_that_is_deleted(self, chatbot: Chatbot) -> None:
        add_site(chatbot, learnt=1, read=1)
        Chatbot.objects.all().soft_delete()
        assert work_for_owner(chatbot.owner_id).whole is None

    def test_nor_what_is_somebody_elses(self, chatbot: Chatbot, stranger: User) -> None:
        add_site(chatbot, learnt=1, read=1)
        assert work_for_owner(stranger.id).whole is None

    def test_it_is_told_apart_by_chatbots_and_sources(self, chatbot: Chatbot, alice: User) -> None:
        one, two = add_site(chatbot, 1, 9), add_site(create_chatbot(alice, "Other"), 2, 8)
        work = work_for_owner(alice.id)
        for source, done in ((one, 1), (two, 2)):
            for progress in (work.on_source(source.id), work.on_chatbot(source.chatbot_id)):
                assert progress
                assert (progress.done, progress.total) == (done, 10)
        assert work.whole
        assert (work.whole.done, work.whole.total) == (3, 20)


def rebuild(chatbot: Chatbot, passages: int, learnt: int) -> SearchIndex:
    """Return an index that is built for 100 seconds beside a live one of another analyser."""
    live = index.live_index(chatbot.id)
    SearchIndex.objects.filter(pk=live.pk).update(analyser="former")
    began = timezone.now() - timedelta(seconds=100)
    recipe = {"embedder": live.embedder, "analyser": live.analyser}
    new = SearchIndex.objects.create(chatbot=chatbot, resumed_at=began, **recipe)
    ChunkVectors.objects.filter(index_id=live.pk).delete()
    ChunkVectors.objects.bulk_create(
        ChunkVectors(index_id=each.pk, chunk_id=number, page_id=1, length=1)
        for each, many in ((live, passages), (new, learnt))
        for number in range(many)
    )
    return new


class TestRebuilding:
    def test_it_is_counted_by_passages(self, chatbot: Chatbot) -> None:
        rebuild(chatbot, passages=40, learnt=10)
        assert words(chatbot) == "Learning anew: 10 of 40 passages, about 5 min left"

    def test_what_the_owner_asked_for_goes_first(self, chatbot: Chatbot) -> None:
        rebuild(chatbot, passages=40, learnt=10)
        add_site(chatbot, learnt=12, read=30)
        assert words(chatbot) == "Learning: 12 of 42 pages, about 4 min left"

    def test_time_in_which_it_rested_does_not_count(self, chatbot: Chatbot) -> None:
        new = rebuild(chatbot, passages=40, learnt=20)
        SearchIndex.objects.filter(pk=new.pk).update(chunks_before=10)
        assert words(chatbot) == "Learning anew: 20 of 40 passages, about 3 min left"

    def test_those_of_several_chatbots_go_on_side_by_side(
        self, chatbot: Chatbot, alice: User
    ) -> None:
        rebuild(chatbot, passages=40, learnt=10)
        rebuild(create_chatbot(alice, "Other"), passages=60, learnt=30)
        work = work_for_owner(alice.id).whole
        assert work
        assert work.in_words == "Learning anew: 40 of 100 passages, about 5 min left"

    def test_passages_of_both_indexes_that_were_learnt_meanwhile_do_not_exceed_all(
        self, chatbot: Chatbot
    ) -> None:
        rebuild(chatbot, passages=4, learnt=5)
        assert words(chatbot) == "Learning anew: 4 of 4 passages, less than a minute left"

    def test_an_index_that_is_not_wanted_any_more_is_none(self, chatbot: Chatbot) -> None:
        SearchIndex.objects.filter(pk=rebuild(chatbot, 40, 10).pk).update(analyser="taken back")
        assert words(chatbot) is None

    def test_neither_is_one_beside_which_none_is_live(self, chatbot: Chatbot) -> None:
        SearchIndex.objects.update(is_live=False)
        assert words(chatbot) is None

    def test_it_is_over_when_the_new_one_is_in_place(self, chatbot: Chatbot) -> None:
        rebuild(chatbot, passages=40, learnt=40)
        reindexing.reindex(chatbot.id)
        assert words(chatbot) is None
        assert not reindexing.outdated()

    def test_a_stranger_sees_nothing_of_it(self, chatbot: Chatbot, stranger: User) -> None:
        rebuild(chatbot, passages=40, learnt=10)
        assert work_for_owner(stranger.id).whole is None

    def test_pages_show_it(self, signed_in: Client, chatbot: Chatbot) -> None:
        rebuild(chatbot, passages=40, learnt=10)
        for path in (OVERVIEW, LIST, page_of(chatbot, ""), page_of(chatbot, "settings/")):
            page = text(signed_in.get(path))
            assert "<title>(25 %) " in page, path
            assert "Learning anew: 10 of 40 passages, about 5 min left" in page, path


def pages(chatbot: Chatbot, site: Source) -> list[str]:
    rest = ("", "playground/", "settings/", "insights/", "conversations/", "sources/add-text/")
    return [
        OVERVIEW,
        LIST,
        *(page_of(chatbot, path) for path in rest),
        page_of(chatbot, f"sources/{site.id}/pages/"),
    ]


def other_triggers(path: str) -> int:
    """Return how many elements of the page ask for something else by themselves."""
    return next((n for name, n in {"insights": 1, "settings": 2}.items() if name in path), 0)


class TestPages:
    def test_each_shows_it_and_renews_itself_until_it_is_done(
        self, signed_in: Client, chatbot: Chatbot
    ) -> None:
        site = add_site(chatbot, learnt=12, read=28)
        for path in pages(chatbot, site):
            page = text(signed_in.get(path))
            assert "<title>(30 %) " in page, path
            assert "Learning: 12 of 40 pages, about 4 min left" in page, path
            assert re.search(r'<progress [^>]*max="40" value="12">', page), path
            assert page.count("hx-trigger=") == 1 + other_triggers(path), path
            assert page.count("htmx-2.min.js") == 1, path
            assert f'class="unscripted" href="{path}">Refresh</a>' in page or (
                f'class="unscripted"><a href="{path}">Refresh</a>' in page
            ), path
        Source.objects.filter(pk=site.pk).update(status="done", sync_started_at=None)
        for path in pages(chatbot, site):
            page = text(signed_in.get(path))
            assert "<title>(" not in page, path
            assert "<progress" not in page, path
            assert page.count("hx-trigger=") == other_triggers(path), path

    def test_what_waits_has_no_number(self, signed_in: Client, chatbot: Chatbot) -> None:
        add_site(chatbot, learnt=0, read=0, status="pending", sync_started_at=None)
        page = text(signed_in.get(page_of(chatbot, "settings/")))
        assert "Waiting for a worker" in page
        assert '<progress aria-label="Progress"></progress>' in page
        assert "<title>Settings of" in page

    def test_the_overview_shows_who_is_learning_first(
        self, signed_in: Client, alice: User, chatbot: Chatbot
    ) -> None:
        for number in range(9):
            create_chatbot(alice, f"Chatbot {number}")
        assert "Chatbot 8" not in text(signed_in.get(OVERVIEW))
        add_site(Chatbot.objects.get(name="Chatbot 8"), learnt=1, read=1)
        page = text(signed_in.get(OVERVIEW))
        assert page.index("Chatbot 8") < page.index("Shop</a>")

    def test_a_stranger_sees_nothing_of_it(
        self, strangers_browser: Client, chatbot: Chatbot
    ) -> None:
        add_site(chatbot, learnt=1, read=1)
        for path in (OVERVIEW, LIST):
            assert "Learning" not in text(strangers_browser.get(path))

    @pytest.mark.parametrize("path", [OVERVIEW, LIST])
    def test_it_takes_no_query_for_each(
        self,
        signed_in: Client,
        alice: User,
        chatbot: Chatbot,
        path: str,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        add_site(chatbot, learnt=1, read=1)
        with django_assert_num_queries(7 if path == LIST else 12):
            signed_in.get(path)
        for number in range(3):
            other = create_chatbot(alice, f"Chatbot {number}")
            for _ in range(2):
                add_site(other, learnt=1, read=1)
        with django_assert_num_queries(7 if path == LIST else 12):
            signed_in.get(path)
