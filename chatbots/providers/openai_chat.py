"""ChatGPT, and Gemini through the endpoint in which it speaks the same protocol."""

from typing import Any, cast

from chatbots.providers.base import Prompt, ProviderError
from chatbots.providers.deadline import within
from chatbots.providers.prompting import messages, read_reply


class OpenAIChatProvider:
    """A client of the Chat Completions API."""

    def __init__(self, *, api_key: str, base_url: str, model: str, timeout_seconds: float) -> None:
        self.api_key = api_key
        self.base_url = base_url
        self.model = model
        self.timeout_seconds = timeout_seconds

    def answer(self, prompt: Prompt) -> str | None:
        if not self.api_key:
            raise ProviderError("no API key is configured")
        return within(self.timeout_seconds, lambda: self._ask(prompt))

    def _ask(self, prompt: Prompt) -> str | None:
        # Imported here: they take half a second and 25 MB, which only their users should pay.
        import httpx2
        import openai

        conversation = [
            {"role": message.role, "content": message.content} for message in messages(prompt)
        ]
        try:
            with openai.OpenAI(
                api_key=self.api_key,
                base_url=self.base_url,
                timeout=self.timeout_seconds,
                max_retries=0,  # the caller waits; a second try could double the wait
            ) as client:
                completion = client.chat.completions.create(
                    model=self.model, messages=cast(Any, conversation)
                )
            reply = completion.choices[0].message.content
        except (openai.OpenAIError, httpx2.InvalidURL) as error:
            raise ProviderError(f"{self.base_url}: {type(error).__name__}") from error
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise ProviderError(f"{self.base_url}: an answer of another shape") from error
        if not reply or not reply.strip():
            raise ProviderError(f"{self.base_url}: an empty answer")
        return read_reply(reply)
