"""Which of a worker's idle threads wait for clients, and which rest until they are needed."""

from contextlib import suppress
from threading import Lock


class IdleThreads:
    """Has as many of the threads wait for clients as have lately been at work, and one more.

    Each thread that waits is one that contends for the interpreter as soon as a request comes: few
    that go on and on cost less than dozens that take turns. But a thread
    that rests takes a wake-up to bring in. So nobody is sent to rest who was needed in this round
    of the process's main thread or the one before, and whenever all that do not rest are at work,
    another one is woken: the last that went to rest, so that threads which are never needed take no
    memory.
    """

    def __init__(self, threads: int) -> None:
        self._awake = threads  # those that neither work nor rest
        self._at_rest: list[Lock] = []  # each released by whoever wakes the thread, and counts it
        self._is_over = False
        self._surplus = threads - 1  # how many of those awake are to rest
        self._fewest = threads  # awake at a time in this round
        self._lock = Lock()

    @property
    def at_rest(self) -> int:
        return len(self._at_rest)

    def rest(self) -> None:
        """Rest until this thread is needed, unless it is."""
        if self._surplus and (woken := self._lie_down()) and not self._is_over:
            woken.acquire()

    def _lie_down(self) -> "Lock | None":  # (a function before Python 3.13, without |)
        with self._lock:
            if not self._surplus or self._awake == 1:
                return None
            self._surplus -= 1
            self._count(-1)
            woken = Lock()
            woken.acquire()
            self._at_rest.append(woken)
            return woken

    def begin_work(self) -> None:
        """Count this thread as one at work; wake another one if no idle one is awake."""
        with self._lock:
            self._count(-1)
            if not self._awake and self._at_rest:
                self._count(1)
                self._at_rest.pop().release()

    def end_work(self) -> None:
        with self._lock:
            self._count(1)

    def _count(self, difference: int) -> None:
        self._awake += difference
        self._fewest = min(self._fewest, self._awake)

    def begin_round(self) -> None:
        """Have those rest who were awake all through the last round, except for one."""
        with self._lock:
            self._surplus = max(self._fewest - 1, 0)
            self._fewest = self._awake

    def end(self) -> None:
        """Wake all, and have none rest from now on. A signal may call this, so it takes no lock."""
        self._is_over = True
        with suppress(IndexError):
            while True:
                self._at_rest.pop().release()
