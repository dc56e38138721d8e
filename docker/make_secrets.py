#!/usr/bin/env python
"""Create the secrets of this installation on its first start; later starts keep them."""

import secrets
from pathlib import Path

VOLUMES = Path("/secrets")
OWNER_ONLY = 0o400
# The database's container is a member of our group, to read its password and setup script.
OWNER_AND_GROUP = 0o440


def create_once(path: Path, text: str, mode: int) -> None:
    """Write the file atomically unless it exists."""
    if path.exists():
        return
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)  # left behind by an interrupted start
    new.touch(0o600)
    new.write_text(text)
    new.chmod(mode)
    new.replace(path)


create_once(VOLUMES / "django/secret_key", secrets.token_urlsafe(64), OWNER_ONLY)
create_once(VOLUMES / "database/password", secrets.token_urlsafe(32), OWNER_AND_GROUP)
setup = Path(__file__).with_name("database.sql").read_text()
create_once(VOLUMES / "database/setup.sql", setup, OWNER_AND_GROUP)
