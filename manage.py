#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.core.management import execute_from_command_line

from insitechat.environment.reading import WrongEnvironment
from securitylog.origin import Actor, acting

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "insitechat.settings")
    try:
        with acting(Actor.COMMAND_LINE):
            execute_from_command_line(sys.argv)
    except WrongEnvironment as error:
        sys.exit(str(error))
