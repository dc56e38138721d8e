"""Where the offline embedder's files are: in the Python environment, beside its packages."""

import sys
from pathlib import Path

FOLDER = Path(sys.prefix, "share", "insitechat")
MODEL = FOLDER / "all-MiniLM-L6-v2.7-bit.onnx"
# Of the model: its largest table, which processes map and share instead of reading it.
WORD_VECTORS = FOLDER / "all-MiniLM-L6-v2.7-bit.words"
VOCABULARY = FOLDER / "all-MiniLM-L6-v2.vocab.txt"
