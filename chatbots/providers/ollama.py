"""Ollama by its native protocol. The OpenAI-compatible one silently truncates long prompts."""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chatbots.providers.base import ChatMessage, ProviderError
from chatbots.providers.language_model import LanguageModel, as_text
from core.patience import Patience

# httpx2 and the client are imported where they are used, because most deployments do not.


class OllamaProvider(LanguageModel):
    def __init__(
        self, *, base_url: str, model: str, context_tokens: int, timeout_seconds: float
    ) -> None:
        super().__init__(base_url=base_url, model=model, timeout_seconds=timeout_seconds)
        self.context_tokens = context_tokens

    @contextmanager
    def errors(self) -> Iterator[None]:
        import httpx2

        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderError(f"{self.base_url}: {type(error).__name__}") from error
        except (KeyError, RecursionError, TypeError, ValueError) as error:
            raise ProviderError(f"{self.base_url}: a response of an unknown shape") from error

    def ask(self, conversation: Sequence[ChatMessage]) -> object:
        from chatbots.providers.client import http_client

        response = http_client.post(
            self._url, json=self._body(conversation), timeout=self.timeout_seconds
        )
        response.raise_for_status()
        return response.json()["message"]["content"]

    def pieces(
        self, conversation: Sequence[ChatMessage], patience: Patience
    ) -> Generator[str, None, None]:
        from chatbots.providers.client import http_client

        body = self._body(conversation) | {"stream": True}
        with (
            self.errors(),
            http_client.stream("POST", self._url, json=body, timeout=patience) as response,
        ):
            response.raise_for_status()
            for line in response.iter_lines():
                part = json.loads(line)
                if "error" in part:
                    raise ProviderError(f"{self.base_url}: an error in the middle of the answer")
                yield as_text(part["message"]["content"])
                if part["done"]:
                    return
            raise ProviderError(f"{self.base_url}: the answer broke off")

    @property
    def _url(self) -> str:
        return f"{self.base_url.rstrip('/')}/api/chat"

    def _body(self, conversation: Sequence[ChatMessage]) -> dict[str, Any]:
        return {
            "model": self.model,
            "stream": False,
            "options": {"num_ctx": self.context_tokens},
            "messages": [
                {"role": message.role, "content": message.content} for message in conversation
            ],
        }
