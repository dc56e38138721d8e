"""Which of a worker's idle threads wait for clients, and which rest until they are needed."""

from threading import Lock, Semaphore


class IdleThreads:
    """Has as many of the threads wait for clients as have lately been at work, and one more.

    Each thread that waits is one that contends for the interpreter as soon as a request comes: with
    dozens of them a request costs a tenth more CPU than with few, which go on and on. But a thread
    that rests takes a wake-up to bring in. So nobody is sent to rest who was needed in this round
    of the process's main thread or the one before, and whenever all that do not rest are at work,
    another one is woken.
    """

    def __init__(self, threads: int) -> None:
        self._awake = threads  # those that neither work nor rest
        self._at_rest = 0
        self._surplus = threads - 1  # how many of those awake are to rest
        self._fewest = threads  # awake at a time in this round
        self._wake = Semaphore(0)
        self._lock = Lock()

    @property
    def at_rest(self) -> int:
        return self._at_rest

    def rest(self) -> None:
        """Rest until this thread is needed, unless it is."""
        if self._surplus and self._is_surplus():
            self._wake.acquire()  # whoever releases it has counted this thread

    def _is_surplus(self) -> bool:
        with self._lock:
            if not self._surplus or self._awake == 1:
                return False
            self._surplus -= 1
            self._at_rest += 1
            self._count(-1)
            return True

    def begin_work(self) -> None:
        """Count this thread as one at work; wake another one if no idle one is awake."""
        with self._lock:
            self._count(-1)
            if not self._awake and self._at_rest:
                self._at_rest -= 1
                self._count(1)
                self._wake.release()

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

    def end(self, threads: int) -> None:
        """Wake as many, those that come to rest later too. A signal may call this."""
        self._wake.release(threads)
