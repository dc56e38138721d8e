"""Embedders over HTTP: OpenAI, Gemini by its endpoint for the same protocol, Ollama."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from chatbots.embedding.base import EmbedderUnavailable, Vector, Vectors, normalised

# Texts in one request; the least that one of the services takes is 100.
BATCH = 64
MAX_CHARACTERS = 8000
DOCUMENTS_SECONDS = 60
# A visitor waits for it, and words find passages without it.
QUERY_SECONDS = 3


class RemoteEmbedder:
    """A model behind a protocol in which vectors stand below `path` in the answer."""

    def __init__(
        self, *, name: str, url: str, body: dict[str, Any], api_key: str, path: tuple[str, ...]
    ) -> None:
        self.id = f"{name} {' '.join(str(value) for value in body.values())}"
        self._url = url
        self._body = body
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._path = path

    def embed_query(self, text: str) -> Vector:
        return cast("Vector", self._embed([text], QUERY_SECONDS)[0])

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        rows: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            rows += self._embed(texts[start : start + BATCH], DOCUMENTS_SECONDS).tolist()
        return normalised(rows)

    def _embed(self, texts: Sequence[str], seconds: float) -> Vectors:
        # Imported here, because most deployments embed offline.
        import httpx2

        body = {**self._body, "input": [text[:MAX_CHARACTERS] for text in texts]}
        try:
            response = httpx2.post(self._url, json=body, headers=self._headers, timeout=seconds)
            response.raise_for_status()
            vectors = normalised(list(self._vectors(response.json())))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise EmbedderUnavailable(f"{self._url}: {type(error).__name__}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise EmbedderUnavailable(f"{self._url}: a response of an unknown shape") from error
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise EmbedderUnavailable(f"{self._url}: {len(vectors)} vectors for {len(texts)} texts")
        return vectors

    def _vectors(self, answer: Any) -> Iterator[Any]:
        first, *rest = self._path
        for item in answer[first]:
            for name in rest:
                item = item[name]  # noqa: PLW2901 (walks down to the numbers)
            yield item


def openai(
    *, name: str, base_url: str, api_key: str, model: str, dimensions: int
) -> RemoteEmbedder:
    return RemoteEmbedder(
        name=name,
        url=f"{base_url.rstrip('/')}/embeddings",
        body={"model": model, "dimensions": dimensions},
        api_key=api_key,
        path=("data", "embedding"),
    )


def ollama(*, base_url: str, model: str) -> RemoteEmbedder:
    return RemoteEmbedder(
        name="ollama",
        url=f"{base_url.rstrip('/')}/api/embed",
        body={"model": model},
        api_key="",
        path=("embeddings",),
    )
