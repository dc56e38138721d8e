"""What providers have in common: what they are asked, and the exception of their failures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from chatbots.retrieval.search import Findings


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer, from earlier in the conversation."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything that an answer may be made from."""

    question: str
    findings: Findings
    history: Sequence[Turn] = ()
    system_prompt: str = ""


class ProviderError(Exception):
    """The provider is not configured, cannot be reached, is too slow, or its answer is unusable."""


class Provider(Protocol):
    def answer(self, prompt: Prompt) -> str | None:
        """Answer from the prompt's passages, or return None if they contain no answer.

        Raises ProviderError, and TooManyWaiting if it would have to wait for a server.
        """


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message in the form in which language models take it."""

    role: Literal["system", "user", "assistant"]
    content: str
