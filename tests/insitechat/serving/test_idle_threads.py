"""As many idle threads wait for clients as are needed, and the others rest."""

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Barrier, Event, Thread, get_ident

import pytest

from insitechat.serving.idle_threads import IdleThreads
from tests.conftest import wait_for

THREADS = 12


class Crew:
    """Threads that do what they are given, as those of a worker answer requests."""

    def __init__(self) -> None:
        self.idle = IdleThreads(THREADS)
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._threads = [Thread(target=self._serve) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def _serve(self) -> None:
        while True:
            self.idle.rest()
            work = self._work.get()
            if work is None:
                return
            self.idle.begin_work()
            work()
            self.idle.end_work()

    def do(self, work: Callable[[], object]) -> None:
        self._work.put(work)

    def become_quiet(self) -> None:
        """Have all but one rest, as in rounds with one request at a time."""

        def is_quiet() -> bool:
            self.idle.begin_round()
            self.do(lambda: None)
            return self.idle.at_rest == THREADS - 1

        wait_for(is_quiet)

    def end(self) -> None:
        self.idle.end()
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.end()


def test_all_but_one_rest_at_first(crew: Crew) -> None:
    wait_for(lambda: crew.idle.at_rest == THREADS - 1)


def test_all_work_at_once_when_they_are_needed(crew: Crew) -> None:
    for _ in range(50):
        together = Barrier(THREADS + 1)
        for _ in range(THREADS):
            crew.do(together.wait)
        crew.idle.begin_round()
        together.wait(60)


def test_those_that_are_no_longer_needed_rest_again(crew: Crew) -> None:
    together = Barrier(THREADS + 1)
    for _ in range(THREADS):
        crew.do(together.wait)
    together.wait(60)
    done = Event()
    crew.do(done.set)
    assert done.wait(60)
    assert crew.idle.at_rest == 0  # in the round in which they were
    crew.become_quiet()


def test_the_same_few_are_woken_again_and_again(crew: Crew) -> None:
    crew.become_quiet()
    at_work = set()
    for _ in range(30):
        together = Barrier(3)

        def work(together: Barrier = together) -> None:
            at_work.add(get_ident())
            together.wait(60)

        for _ in range(2):
            crew.do(work)
        together.wait(60)
        crew.become_quiet()
    assert len(at_work) <= 3
