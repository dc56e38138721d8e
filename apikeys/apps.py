"""The API keys app."""

from django.apps import AppConfig


class ApiKeysConfig(AppConfig):
    name = "apikeys"

    def ready(self) -> None:
        from apikeys import receivers

        receivers.connect()
