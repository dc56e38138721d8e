"""What embedders have in common."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
# One vector in each row, of length 1: their inner products are their cosines.
Vectors = NDArray[np.float32]


class EmbedderUnavailable(Exception):
    """The embedder is not configured, cannot be reached, or its answer is unusable."""


class Embedder(Protocol):
    @property
    def id(self) -> str:
        """Name the model and all that changes its vectors: two ids' vectors are never compared."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return the texts' vectors. Raises EmbedderUnavailable."""

    def embed_query(self, text: str) -> Vector:
        """Return the vector of a question. Raises EmbedderUnavailable."""


def normalised(vectors: Any) -> Vectors:
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Vectors = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return result
