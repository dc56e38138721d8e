"""The core app."""

from django.apps import AppConfig
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries

from core.db import end_unit_of_work


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        """Have a request's connection live as core.db says, in the place of what Django does.

        What closing an answer has needed a connection for is the last unit of work of its request.
        """
        request_started.disconnect(close_old_connections)
        request_finished.disconnect(close_old_connections)
        if not settings.DEBUG:  # without it there is no list of queries
            request_started.disconnect(reset_queries)
        request_finished.connect(lambda **_: end_unit_of_work(), weak=False)
