"""Waiting for a provider, which takes seconds, without keeping what other requests need.

A request may have a thread for as long as it likes, since there are many; connections to the
database are few, so it gives its own back while it waits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Semaphore

from django.conf import settings

from core.metrics import Level
from core.shares import standing_aside


class TooManyWaiting(Exception):
    """As many threads of this process wait for providers as may; the others have other work."""


places = Semaphore(settings.CHATS_WAITING_MAX)
WAITING = Level("insitechat_chats_waiting", "Threads that wait for a provider.")


@contextmanager
def waiting() -> Iterator[None]:
    """Let others have this thread's connection and turn while the block waits.

    Not inside a transaction. Raises TooManyWaiting, at once.
    """
    if not places.acquire(blocking=False):
        raise TooManyWaiting
    with standing_aside():
        try:
            with WAITING.raised():
                yield
        finally:
            places.release()
