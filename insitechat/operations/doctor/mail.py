"""The mail server."""

import smtplib
from collections.abc import Iterator

from django.conf import settings
from django.core.mail import get_connection

from insitechat.operations.doctor.finding import Finding

SMTP = "django.core.mail.backends.smtp.EmailBackend"


def examine() -> Iterator[Finding]:
    if settings.MAIL_TRANSPORT != SMTP:
        yield Finding(
            "Mails are not sent: EMAIL_URL names no mail server.",
            "Set EMAIL_URL, so that people can reset their passwords.",
            is_warning=True,
        )
        return
    server = get_connection(settings.MAIL_TRANSPORT)
    try:
        server.open()
    except (OSError, smtplib.SMTPException) as error:
        yield Finding(
            f"The mail server {settings.EMAIL_HOST}:{settings.EMAIL_PORT} refuses: {error}",
            "Correct EMAIL_URL, or start the server. Mails wait in the queue for eight hours.",
        )
    finally:
        server.close()
