"""What every provider of answers is asked, and how it may fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from chatbots.retrieval import Findings


@dataclass(frozen=True, slots=True)
class Turn:
    """A question that was asked before and the answer that it got."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that an answer may be made from."""

    question: str
    findings: Findings
    history: Sequence[Turn] = ()
    system_prompt: str = ""


class ProviderError(Exception):
    """The provider did not answer: not configured, unreachable, too slow, or out of its mind."""


class Provider(Protocol):
    def answer(self, prompt: Prompt) -> str | None:
        """Answer from the prompt's passages; None: they hold no answer. Raises ProviderError."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message as language models are sent it."""

    role: Literal["system", "user", "assistant"]
    content: str
