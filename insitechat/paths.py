"""Where the project keeps what it makes while it runs on one machine."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DATA = PROJECT / ".data"
# Written by `make run` for as long as it serves, so that manage.py finds the same engines.
LOCAL_ENVIRONMENT = DATA / "local.env"
