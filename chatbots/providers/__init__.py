"""Providers, which write the answers. The environment configures them."""

from django.conf import settings

from chatbots.models import Chatbot
from chatbots.providers.base import Provider
from chatbots.providers.builtin import BuiltinProvider
from chatbots.providers.ollama import OllamaProvider
from chatbots.providers.openai_chat import OpenAIChatProvider


def provider_for(chatbot: Chatbot) -> Provider:
    """Return the provider that the chatbot's owner has chosen."""
    match Chatbot.Provider(chatbot.provider):
        case Chatbot.Provider.BUILTIN:
            return BuiltinProvider()
        case Chatbot.Provider.CHATGPT:
            return OpenAIChatProvider(
                api_key=settings.OPENAI_API_KEY,
                base_url=settings.OPENAI_BASE_URL,
                model=settings.OPENAI_MODEL,
                timeout_seconds=settings.PROVIDER_TIMEOUT_SECONDS,
            )
        case Chatbot.Provider.GEMINI:
            return OpenAIChatProvider(
                api_key=settings.GEMINI_API_KEY,
                base_url=settings.GEMINI_BASE_URL,
                model=settings.GEMINI_MODEL,
                timeout_seconds=settings.PROVIDER_TIMEOUT_SECONDS,
            )
        case Chatbot.Provider.OLLAMA:
            return OllamaProvider(
                base_url=settings.OLLAMA_BASE_URL,
                model=settings.OLLAMA_MODEL,
                context_tokens=settings.OLLAMA_CONTEXT_TOKENS,
                timeout_seconds=settings.PROVIDER_TIMEOUT_SECONDS,
            )


def is_configured(provider: str) -> bool:
    """Return whether the operator has set what the provider needs, not whether it answers."""
    required = {
        Chatbot.Provider.CHATGPT: settings.OPENAI_API_KEY,
        Chatbot.Provider.GEMINI: settings.GEMINI_API_KEY,
        Chatbot.Provider.OLLAMA: settings.OLLAMA_BASE_URL,
    }
    return bool(required.get(Chatbot.Provider(provider), "nothing is required"))
