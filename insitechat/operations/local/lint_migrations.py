"""`python -m insitechat.operations.local.lint_migrations`: refuse migrations that stop the service.

An app's first migration creates its tables, which nobody uses yet. The later ones run while the
version before them serves, so squawk reads their SQL (.squawk.toml).
"""

import os
import subprocess
import sys
import sysconfig
from io import StringIO
from pathlib import Path

from insitechat.operations.local.engines import throwaway_engines
from insitechat.operations.paths import PROJECT

SQUAWK = Path(sysconfig.get_path("scripts")) / "squawk"


def main() -> int:
    with throwaway_engines() as environment:
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="insitechat.settings")
        import django

        django.setup()
        return max(lint(label, name, sql_of(label, name)) for label, name in later_migrations())


def later_migrations() -> list[tuple[str, str]]:
    """Return the project's own migrations, without the first of each app."""
    from django.apps import apps
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    own = {app.label for app in apps.get_app_configs() if "site-packages" not in app.path}
    return sorted(
        key
        for key, migration in MigrationLoader(connection).disk_migrations.items()
        if key[0] in own and any(app == key[0] for app, _ in migration.dependencies)
    )


def sql_of(label: str, name: str) -> str:
    from django.core.management import call_command

    sql = StringIO()
    call_command("sqlmigrate", label, name, stdout=sql)
    return sql.getvalue()


def lint(label: str, name: str, sql: str) -> int:
    """Return squawk's exit code; it prints what is wrong."""
    done = subprocess.run(
        [SQUAWK, "--stdin-filepath", f"{label}/{name}.sql"],
        cwd=PROJECT,
        input=sql,
        text=True,
        check=False,
        capture_output=True,
    )
    if done.returncode:
        print(f"{label}/migrations/{name}.py\n{done.stdout}{done.stderr}", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
