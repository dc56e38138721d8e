"""Whoever crawls a host takes the next of its turns, which are never nearer than its pace."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from procrastinate.exceptions import JobAborted

from chatbots.jobs import forget_crawled_hosts
from chatbots.knowledge.crawling import turns
from chatbots.knowledge.crawling.turns import take_turn
from chatbots.models import CrawledHost

PAUSE = timedelta(hours=1)
SECONDS = PAUSE.total_seconds()


def apart(moments: list[datetime]) -> list[timedelta]:
    return [later - earlier for earlier, later in pairwise(sorted(moments))]


@pytest.mark.django_db
def test_a_host_is_asked_at_once_and_then_at_its_pace() -> None:
    first, second, third = (take_turn("shop.example", SECONDS) for _ in range(3))
    assert first.wait_seconds == 0
    assert 0 < second.wait_seconds <= SECONDS
    assert apart([first.at, second.at, third.at]) == [PAUSE, PAUSE]
    assert take_turn("SHOP.example.", SECONDS).at == third.at + PAUSE
    assert take_turn("other.example", SECONDS).wait_seconds == 0


@pytest.mark.django_db
def test_a_turn_that_nobody_used_blocks_nobody() -> None:
    """As of a worker that was killed while it waited."""
    take_turn("shop.example", SECONDS)
    CrawledHost.objects.update(next_turn_at=datetime.fromisoformat("2020-01-01T00:00Z"))
    assert take_turn("shop.example", SECONDS).wait_seconds == 0


@pytest.mark.django_db(transaction=True)
def test_simultaneous_crawls_queue() -> None:
    def take(_: int) -> list[datetime]:
        try:
            return [take_turn("shop.example", SECONDS).at for _ in range(5)]
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        taken = [at for each in pool.map(take, range(6)) for at in each]
    assert len(taken) == 30
    assert apart(taken) == [PAUSE] * 29


@pytest.mark.django_db
def test_hosts_are_forgotten_once_they_may_be_asked_at_once() -> None:
    take_turn("idle.example", 0.0)
    take_turn("busy.example", 3600.0)
    forget_crawled_hosts()
    assert [host.name for host in CrawledHost.objects.all()] == ["busy.example"]


def test_a_worker_that_stops_waits_for_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise JobAborted

    monkeypatch.setattr(turns, "stop_if_asked", stop)
    turns.sleep(0.0)
    with pytest.raises(JobAborted):
        turns.sleep(3600.0)
