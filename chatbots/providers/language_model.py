"""What the remote providers have in common: a language model that is given messages.

It is given no tools, and nothing that it says is fetched or run. What it replies is checked.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing

from chatbots.providers.base import ChatMessage, Prompt, ProviderError
from chatbots.providers.prompting import messages
from chatbots.providers.reply import answer_of
from chatbots.waiting import waiting
from core.patience import Patience


class LanguageModel(ABC):
    """A provider whose answer can be passed on while it is being written."""

    def __init__(self, *, base_url: str, model: str, timeout_seconds: float) -> None:
        self.base_url = base_url
        self.model = model
        self.timeout_seconds = timeout_seconds

    def answer(self, prompt: Prompt) -> str | None:
        with waiting(), self.errors():
            reply = self.ask(messages(prompt))
        return "".join(answer_of(prompt, iter([as_text(reply)]))) or None

    def stream(self, prompt: Prompt, is_wanted: Callable[[], bool]) -> Iterator[str]:
        """Yield the answer in pieces as they come; none if the passages contain no answer.

        Closing it ends the exchange with the provider. While it waits, `is_wanted` is asked about
        every second; once that is denied, it ends. Raises ProviderError and TooManyWaiting.
        """
        patience = Patience(self.timeout_seconds, is_wanted)
        with waiting(), closing(self.pieces(messages(prompt), patience)) as pieces:
            try:
                yield from answer_of(prompt, pieces)
            except ProviderError:
                if is_wanted():
                    raise

    @abstractmethod
    def errors(self) -> AbstractContextManager[None]:
        """Turn what goes wrong in an exchange into ProviderError."""

    @abstractmethod
    def ask(self, conversation: Sequence[ChatMessage]) -> object:
        """Return the model's reply as a whole; of what shape it is, is not checked."""

    @abstractmethod
    def pieces(
        self, conversation: Sequence[ChatMessage], patience: Patience
    ) -> Generator[str, None, None]:
        """Yield the model's reply as it comes. Raises ProviderError where it breaks off."""


def as_text(reply: object) -> str:
    if not isinstance(reply, str):
        raise ProviderError("an answer that is no text")
    return reply
