"""Re-encrypt the secrets behind second factors with the current SECRET_KEY."""

from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.encryption import rotate

ENCRYPTED = {"secret", "seed"}


class Command(BaseCommand):
    help = (
        "Re-encrypt the secrets behind second factors with SECRET_KEY. Run this after a rotation "
        "of the key, then remove the old one from SECRET_KEY_FALLBACKS."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = 0
        authenticators = Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN)
        for pk in authenticators.values_list("pk", flat=True):
            unreadable += not reencrypt(pk)
        self.stdout.write(f"{authenticators.count() - unreadable} second factors re-encrypted.")
        if unreadable:
            raise CommandError(f"{unreadable} cannot be read with any key of this service.")


@transaction.atomic
def reencrypt(pk: int) -> bool:
    """Re-encrypt an authenticator's secrets; return False if no key fits."""
    authenticator = Authenticator.objects.select_for_update().filter(pk=pk).first()
    if authenticator is None:
        return True
    try:
        for name in ENCRYPTED & authenticator.data.keys():
            authenticator.data[name] = rotate(authenticator.data[name])
    except InvalidToken:
        return False
    authenticator.save(update_fields=["data"])
    return True
