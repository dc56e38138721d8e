"""The chatbots app."""

from django.apps import AppConfig


class ChatbotsConfig(AppConfig):
    name = "chatbots"

    def ready(self) -> None:
        from chatbots import receivers

        receivers.connect()
