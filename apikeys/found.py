"""Keys that somebody found where others can read them: in a repository, on a page, in a log."""

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apikeys.models import ApiKey
from apikeys.security_events import API_KEY_FOUND
from apikeys.tokens import digest, is_well_formed


@sensitive_variables()
def revoke_found_key(plaintext: str) -> None:
    """Revoke the key and tell its owner; do nothing where the text is no active key.

    Outside a transaction this is committed when it returns, so that later requests are refused.
    """
    if not is_well_formed(plaintext):
        return
    found = ApiKey.objects.active().filter(digest=digest(plaintext))
    with transaction.atomic():
        if found.revoke(API_KEY_FOUND):
            tell_owner(ApiKey.objects.select_related("owner").get(digest=digest(plaintext)))


def tell_owner(api_key: ApiKey) -> None:
    """Send the owner a mail about the key that was found, unless the account is closed."""
    if not api_key.owner.is_active:
        return
    context = {
        "api_key": api_key,
        "revoked_at": timezone.localtime(api_key.revoked_at, timezone.get_default_timezone()),
        "activity": link("api-key-activity", api_key.id),
        "create": link("api-key-create"),
    }
    send_mail(
        subject=f"Your API key {api_key.prefix}… was found, and is revoked",
        message=render_to_string("apikeys/email/found.txt", context),
        from_email=None,
        recipient_list=[api_key.owner.email],
    )


def link(view: str, *arguments: object) -> str:
    return f"{settings.PUBLIC_URL}{reverse(view, args=arguments)}"
