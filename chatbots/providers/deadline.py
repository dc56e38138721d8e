"""A bound on a provider's answer as a whole; clients of HTTP bound each read only."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

from chatbots.providers.base import ProviderError
from chatbots.waiting import waiting


def within(seconds: float, ask: Callable[[], str | None]) -> str | None:
    """Return what `ask` returns, or raise ProviderError when it takes longer.

    Others have this thread's database connection meanwhile. Raises TooManyWaiting.

    It goes on in its own thread until its own time-outs end it; nobody waits for it then.
    """
    answer: Future[str | None] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 (it is raised where it is waited for)
            answer.set_exception(error)

    with waiting():
        Thread(target=run, name="provider", daemon=True).start()
        try:
            return answer.result(seconds)
        except TimeoutError as error:
            raise ProviderError(f"no answer within {seconds:g} s") from error
