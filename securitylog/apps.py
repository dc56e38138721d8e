"""The security log app."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class SecurityLogConfig(AppConfig):
    name = "securitylog"

    def ready(self) -> None:
        """Import every app's `security_events.py`, which registers its kinds of event."""
        from securitylog import receivers

        autodiscover_modules("security_events")
        receivers.connect()
