"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import reauthentication, security_signals

        security_signals.connect()
        reauthentication.connect()
