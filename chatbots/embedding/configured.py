"""The embedder that is configured, and those that indexes were made with."""

from functools import cache

from django.conf import settings

from chatbots.embedding import minilm, remote
from chatbots.embedding.base import Embedder, EmbedderUnavailable

# Of the remote models, which can shorten their vectors to so many numbers.
DIMENSIONS = 512


@cache
def offline() -> Embedder:
    """Return the process's offline embedder. Its model takes a third of a second to load."""
    return minilm.MiniLM()


def configured() -> Embedder:
    """Return the embedder that new indexes are made with."""
    match settings.EMBEDDER:
        case "openai":
            return remote.openai(
                name="openai",
                base_url=settings.OPENAI_BASE_URL,
                api_key=settings.OPENAI_API_KEY,
                model=settings.EMBEDDING_MODEL or "text-embedding-3-small",
                dimensions=DIMENSIONS,
            )
        case "gemini":
            return remote.openai(
                name="gemini",
                base_url=settings.GEMINI_BASE_URL,
                api_key=settings.GEMINI_API_KEY,
                model=settings.EMBEDDING_MODEL or "gemini-embedding-001",
                dimensions=DIMENSIONS,
            )
        case "ollama":
            return remote.ollama(
                base_url=settings.OLLAMA_BASE_URL,
                model=settings.EMBEDDING_MODEL or "nomic-embed-text",
            )
        case _:
            return offline()


def embedder_of(identifier: str) -> Embedder:
    """Return the embedder of that id. Raises EmbedderUnavailable where it is not configured."""
    if identifier == minilm.ID:
        return offline()
    current = configured()
    if current.id != identifier:
        raise EmbedderUnavailable(f"{identifier} is not configured any more")
    return current


def prepare() -> None:
    """Load what searches need, before the first is made."""
    if settings.EMBEDDER == "minilm":
        offline()
