"""The temporary folder of a test run."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Processes that still end may write into the folder, so that its removal can need several tries.
REMOVE_AT_END_OF_INPUT = """
cat
for _ in $(seq 100); do rm -rf -- "$0" && break; sleep 0.1; done
"""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Have everything that asks for a temporary file get it in one folder, children included.

    A process of its own removes the folder when this one leaves the block or ends, by whatever
    signal: that closes the pipe between them.
    """
    folder = Path(tempfile.mkdtemp(prefix="insitechat-"))
    folder.chmod(0o711)  # PostgreSQL may be another user; in here are folders of their own
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    with subprocess.Popen(
        ["sh", "-c", REMOVE_AT_END_OF_INPUT, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the tests
    ):
        yield folder
