"""Embedding texts as vectors whose inner product says how close their meanings are."""

import os

# onnxruntime would report its use to its makers, in a thread of its own.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
