"""The offline embedder: all-MiniLM-L6-v2 with 8-bit weights, on onnxruntime, in this process.

A web process embeds its visitors' questions itself. It loads the model after it was forked:
onnxruntime begins a thread as soon as it is imported, and a fork without that thread aborts at its
end. A session of one thread bears being used by many threads at once.
"""

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np

from chatbots.embedding.base import EmbedderUnavailable, Vector, Vectors, normalised
from chatbots.embedding.files import MODEL, VOCABULARY
from chatbots.embedding.wordpiece import WordPiece

ID = "all-MiniLM-L6-v2 int8"
DIMENSION = 384
MAX_TOKENS = 256
# Padding included. Larger batches are no faster, and need more memory.
BATCH_TOKENS = 2048


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
        # An arena would keep the memory of the largest batch for ever.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            MODEL, options, providers=["CPUExecutionProvider"]
        )

    def embed_query(self, text: str) -> Vector:
        return cast("Vector", self.embed_documents([text])[0])

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        tokens = [self._tokenizer.encode(text, MAX_TOKENS) for text in texts]
        result = np.empty((len(texts), DIMENSION), dtype=np.float32)
        for batch in batches([len(ids) for ids in tokens]):
            result[batch] = self._embed([tokens[number] for number in batch])
        return result

    def _embed(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """Return the mean of each row's token vectors, normalised."""
        shape = (len(rows), max(map(len, rows)))
        ids, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        (vectors,) = self._session.run(None, {"ids": ids, "mask": mask})
        return normalised(np.einsum("btw,bt->bw", vectors, mask))


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the numbers of texts to embed together: of similar length, BATCH_TOKENS at most."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[number] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
