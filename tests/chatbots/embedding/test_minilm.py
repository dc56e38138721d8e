"""The offline embedder: its vectors are near those that were published."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from chatbots.embedding.configured import offline
from chatbots.embedding.files import MODEL, VOCABULARY
from chatbots.embedding.wordpiece import WordPiece, words
from insitechat.operations.paths import PROJECT


def test_cosines_are_near_the_published_ones() -> None:
    happy, happier, sunny = offline().embed_documents(
        ["That is a happy person", "That is a very happy person", "Today is a sunny day"]
    )
    assert happy @ happier == pytest.approx(0.943, abs=0.05)  # the weights are 7-bit
    assert happy @ sunny == pytest.approx(0.257, abs=0.05)


def test_a_text_has_one_vector_whatever_is_embedded_with_it() -> None:
    texts = ["Returns", "We ship to Norway. " * 40, "What does shipping cost?"]
    together = offline().embed_documents(texts)
    for text, vector in zip(texts, together, strict=True):
        assert np.array_equal(offline().embed_query(text), vector)


def test_no_processor_rounds_differently() -> None:
    """Without VNNI, two products of a byte and a weight are added up in 16 bits."""
    weights = [
        numpy_helper.to_array(tensor)
        for tensor in onnx.load(MODEL).graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8
    ]
    largest = max(int(np.abs(weight.astype(int)).max()) for weight in weights if weight.size > 1)
    assert len(weights) > 36
    assert 2 * 255 * largest < 2**15


def test_words_are_those_of_bert() -> None:
    assert words("Größe: €5.00 naïve\u00a0日本!") == [
        *("große", ":", "€5", ".", "00", "naive", "日", "本", "!"),
    ]


def test_long_texts_and_strange_words_are_cut() -> None:
    tokenizer = WordPiece(VOCABULARY.read_text(encoding="utf-8").split("\n"))
    start, end, unknown = 101, 102, 100
    assert tokenizer.encode("x" * 101, 256) == [start, unknown, end]
    tokens = tokenizer.encode("word " * 1000, 256)
    assert (len(tokens), tokens[0], tokens[-1]) == (256, start, end)
    assert tokenizer.encode("[CLS]", 256)[1] != start  # a text cannot write marks


def test_its_use_is_reported_to_nobody(tmp_path: Path) -> None:
    """Reporting would keep an identifier of this machine in its user's home."""
    subprocess.run(
        [sys.executable, "-c", "from chatbots.embedding.minilm import MiniLM; MiniLM()"],
        cwd=PROJECT,
        env=os.environ | {"HOME": str(tmp_path)},
        check=True,
    )
    assert list(tmp_path.iterdir()) == []
