"""Few requests look up at once whose they are."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from core.look_ups import WAITING, LookUps, ProcessBusy
from core.outage import database_outages
from tests.conftest import wait_for

FOREVER = 1000.0


def in_thread(work: Callable[[], None]) -> "Future[None]":
    """Begin the work in a thread, which has a context of its own."""
    future: Future[None] = Future()

    def run() -> None:
        try:
            work()
            future.set_result(None)
        except Exception as error:  # noqa: BLE001 (whoever waits for the result raises it)
            future.set_exception(error)

    threading.Thread(target=run).start()
    return future


def test_few_look_up_at_once_and_the_next_when_one_has_ended() -> None:
    look_ups = LookUps(1, FOREVER)
    look_ups.begin()
    look_ups.begin()  # the same look-up
    following = in_thread(look_ups.begin)
    with pytest.raises(ProcessBusy):
        in_thread(LookUps(0, 0.01).begin).result(60)
    assert not following.done()
    look_ups.end()
    look_ups.end()  # which gives back nothing
    following.result(60)
    assert look_ups._free.empty()


def test_who_has_waited_for_a_look_up_does_not_wait_for_an_outage_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look_ups = LookUps(1, FOREVER)
    look_ups.begin()
    following = in_thread(look_ups.begin)
    wait_for(lambda: WAITING.series()[0][1] == 1)
    monkeypatch.setattr(database_outages, "_began_at", 1.0)
    monkeypatch.setattr(database_outages, "_is_well", False)
    look_ups.end()
    with pytest.raises(ProcessBusy):
        following.result(60)
    look_ups.begin()  # the first one finds out that it is over
    look_ups.end()
