"""How long an exchange with another server may take, and whether anybody still waits for it."""

from collections.abc import Callable
from time import monotonic
from typing import Self


class Patience(float):
    """A number of seconds, with somebody who can say that the answer is wanted no more.

    It is given as a request's timeout, which HTTP clients pass on as it is. `until` makes of it
    the moment that core.deadline takes.
    """

    is_wanted: Callable[[], bool]

    def __new__(cls, seconds: float, is_wanted: Callable[[], bool]) -> Self:
        patience = super().__new__(cls, seconds)
        patience.is_wanted = is_wanted
        return patience

    @classmethod
    def until(cls, timeout: float) -> "Patience":
        """Return the moment at which a timeout that begins now is over."""
        is_wanted = timeout.is_wanted if isinstance(timeout, Patience) else always
        return cls(monotonic() + timeout, is_wanted)


def always() -> bool:
    return True
