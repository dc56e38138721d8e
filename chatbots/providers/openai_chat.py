"""ChatGPT, and Gemini by its endpoint for the same protocol."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chatbots.providers.base import ChatMessage, ProviderError
from chatbots.providers.language_model import LanguageModel, as_text
from core.patience import Patience

if TYPE_CHECKING:
    import openai

# What follows is imported where it is used, because it takes half a second and 25 MB, which other
# deployments save.


class OpenAIChatProvider(LanguageModel):
    """A client of the Chat Completions API."""

    def __init__(self, *, api_key: str, base_url: str, model: str, timeout_seconds: float) -> None:
        super().__init__(base_url=base_url, model=model, timeout_seconds=timeout_seconds)
        self.api_key = api_key

    @contextmanager
    def errors(self) -> Iterator[None]:
        import httpx2
        import openai

        if not self.api_key:
            raise ProviderError("no API key is configured")
        try:
            yield
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderError(f"{self.base_url}: {type(error).__name__}") from error
        except (AttributeError, IndexError, RecursionError, TypeError, ValueError) as error:
            raise ProviderError(f"{self.base_url}: a response of an unknown shape") from error

    def ask(self, conversation: Sequence[ChatMessage]) -> object:
        completion = self._client(self.timeout_seconds).chat.completions.create(
            model=self.model, messages=as_parameters(conversation)
        )
        return completion.choices[0].message.content

    def pieces(
        self, conversation: Sequence[ChatMessage], patience: Patience
    ) -> Generator[str, None, None]:
        with (
            self.errors(),
            self._client(patience).chat.completions.create(
                model=self.model, messages=as_parameters(conversation), stream=True
            ) as chunks,
        ):
            is_finished = False
            for chunk in chunks:
                for choice in chunk.choices[:1]:
                    is_finished = is_finished or choice.finish_reason is not None
                    if choice.delta.content is not None:
                        yield as_text(choice.delta.content)
            if not is_finished:
                raise ProviderError(f"{self.base_url}: the answer broke off")

    def _client(self, timeout: float) -> "openai.OpenAI":
        import openai

        from chatbots.providers.client import http_client

        return openai.OpenAI(
            api_key=self.api_key,
            base_url=self.base_url,
            timeout=timeout,
            max_retries=0,  # the visitor is waiting
            http_client=http_client,
        )


def as_parameters(conversation: Sequence[ChatMessage]) -> Any:
    return [{"role": message.role, "content": message.content} for message in conversation]
