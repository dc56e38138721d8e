"""The offline embedder: all-MiniLM-L6-v2 with 7-bit weights, on onnxruntime, in this process.

A web process embeds its visitors' questions itself. It loads the model after it was forked:
onnxruntime begins a thread as soon as it is imported, and a fork without that thread aborts at its
end. A session of one thread bears being used by many threads at once.
"""

import ctypes
import os
from collections.abc import Sequence
from contextlib import suppress
from threading import BoundedSemaphore
from typing import cast

import numpy as np

from chatbots.embedding.base import EmbedderUnavailable, Vector, Vectors, normalised
from chatbots.embedding.files import MODEL, VOCABULARY
from chatbots.embedding.wordpiece import WordPiece

ID = "all-MiniLM-L6-v2 7-bit"
DIMENSION = 384
MAX_TOKENS = 256
# onnxruntime's fused operator is eight times slower than the two operators that it replaces.
SLOW = ["SkipLayerNormFusion"]
# However many jobs of a process learn, they take half of its processors: visitors are not to wait.
documents_at_once = BoundedSemaphore(max(len(os.sched_getaffinity(0)) // 2, 1))


def give_back_memory() -> None:
    """Have the C library return to the system what loading the model has left free: some 10 MB."""
    with suppress(AttributeError):  # not every C library can
        ctypes.CDLL(None).malloc_trim(0)


class MiniLM:
    id = ID

    def __init__(self) -> None:
        import onnxruntime

        try:
            self._tokenizer = WordPiece(VOCABULARY.read_text(encoding="utf-8").split("\n"))
        except FileNotFoundError as error:
            raise EmbedderUnavailable(
                f"{VOCABULARY} is missing; README says how it is made"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # An arena would keep the memory of the longest text for ever.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            MODEL, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW
        )
        give_back_memory()

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        result = np.empty((len(texts), DIMENSION), dtype=np.float32)
        for number, text in enumerate(texts):
            with documents_at_once:
                result[number] = self.embed_query(text)
        return result

    def embed_query(self, text: str) -> Vector:
        """Return the mean of the vectors of the text's tokens, normalised.

        Texts are not embedded together: it would be no faster here, and a text's vector would
        depend on the others, since numbers are rounded by the largest of a batch.
        """
        ids = np.array([self._tokenizer.encode(text, MAX_TOKENS)], dtype=np.int64)
        (vectors,) = self._session.run(None, {"ids": ids})
        return cast("Vector", normalised(vectors.mean(axis=1))[0])
