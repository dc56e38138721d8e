"""Where the offline embedder's files are: in the Python environment, beside its packages."""

import sys
from pathlib import Path

FOLDER = Path(sys.prefix, "share", "insitechat")
MODEL = FOLDER / "all-MiniLM-L6-v2.7-bit.onnx"
VOCABULARY = FOLDER / "all-MiniLM-L6-v2.vocab.txt"
