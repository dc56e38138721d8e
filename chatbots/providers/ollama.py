"""Ollama, by its native protocol: the OpenAI-like one cuts long prompts without saying so."""

from typing import Any

from chatbots.providers.base import Prompt, ProviderError
from chatbots.providers.deadline import within
from chatbots.providers.prompting import messages, read_reply


class OllamaProvider:
    def __init__(
        self, *, base_url: str, model: str, context_tokens: int, timeout_seconds: float
    ) -> None:
        self.base_url = base_url
        self.model = model
        self.context_tokens = context_tokens
        self.timeout_seconds = timeout_seconds

    def answer(self, prompt: Prompt) -> str | None:
        return within(self.timeout_seconds, lambda: self._ask(prompt))

    def _ask(self, prompt: Prompt) -> str | None:
        import httpx2  # here, since most processes never call it

        body: dict[str, Any] = {
            "model": self.model,
            "stream": False,
            "options": {"num_ctx": self.context_tokens},
            "messages": [
                {"role": message.role, "content": message.content} for message in messages(prompt)
            ],
        }
        try:
            response = httpx2.post(
                f"{self.base_url.rstrip('/')}/api/chat", json=body, timeout=self.timeout_seconds
            )
            response.raise_for_status()
            reply = response.json()["message"]["content"]
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderError(f"{self.base_url}: {type(error).__name__}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderError(f"{self.base_url}: an answer of another shape") from error
        if not isinstance(reply, str) or not reply.strip():
            raise ProviderError(f"{self.base_url}: an empty answer")
        return read_reply(reply)
