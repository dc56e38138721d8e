#!/usr/bin/env python
"""Make this installation's secrets on its first start; later starts keep them."""

import secrets
from pathlib import Path

VOLUMES = Path("/secrets")
OWNER_ONLY = 0o400
# The database's container is in our group to read what it starts with.
WITH_DATABASE = 0o440


def keep(path: Path, text: str, mode: int) -> None:
    """Write the file unless it is there; never half of it."""
    if path.exists():
        return
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)  # left by a start that was cut short
    new.touch(0o600)
    new.write_text(text)
    new.chmod(mode)
    new.replace(path)


keep(VOLUMES / "django/secret_key", secrets.token_urlsafe(64), OWNER_ONLY)
keep(VOLUMES / "database/password", secrets.token_urlsafe(32), WITH_DATABASE)
setup = Path(__file__).with_name("database.sql").read_text()
keep(VOLUMES / "database/setup.sql", setup, WITH_DATABASE)
