"""`python -m insitechat.operations.local.manage …`: manage.py on throwaway engines."""

import os
import sys

from django.core.management import execute_from_command_line

from insitechat.operations.local.engines import throwaway_engines

if __name__ == "__main__":
    with throwaway_engines() as environment:
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="insitechat.settings")
        execute_from_command_line(sys.argv)
