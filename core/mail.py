"""Mail, sent by a worker.

QueuedBackend is Django's EMAIL_BACKEND. It stores each mail and enqueues a job, in the caller's
transaction; the job sends the mail through settings.MAIL_TRANSPORT. Logs identify mails by id only.
"""

import logging
from collections.abc import Sequence
from copy import copy
from datetime import timedelta
from email.utils import format_datetime, make_msgid, parseaddr
from smtplib import SMTPRecipientsRefused, SMTPResponseException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils import timezone

from core.jobs import BackOff, current_job, job, periodic
from core.models import QueuedMail
from core.retention import delete_in_batches

logger = logging.getLogger(__name__)

# Attempts after 30 seconds, a minute, and so on up to four hours: about eight hours in total.
RETRY = BackOff(attempts=11, first=timedelta(seconds=30))
# Links in mails have expired by then (PASSWORD_RESET_TIMEOUT).
UNSENT_MAIL_KEPT = timedelta(days=3)

TEXTS = ("subject", "body", "from_email", "content_subtype")
ADDRESSES = ("to", "cc", "bcc", "reply_to")


class MailNotSent(Exception):
    """The transport failed. Its own message is not repeated here, since it can quote addresses."""


class QueuedBackend(BaseEmailBackend):
    """An e-mail backend that leaves sending to the worker."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        with transaction.atomic():
            for message in email_messages:
                mail = QueuedMail.objects.create(content=pack(message))
                send.enqueue(mail.pk)
        return len(email_messages)


@job(retry=RETRY, priority=10)
def send(mail_id: int) -> None:
    """Send a mail. If the worker is killed at the wrong moment, the mail is sent twice."""
    mail = QueuedMail.objects.filter(pk=mail_id).first()
    if mail is None:
        return
    try:
        deliver(mail)
    except (OSError, ValueError) as error:
        reason = describe(error)
        if not is_final(error):
            raise MailNotSent(reason) from None
        logger.error("mail %s is dropped: %s", mail_id, reason)  # noqa: TRY400 (it quotes addresses)
        mail.delete()


def deliver(mail: QueuedMail) -> None:
    """Hand a mail to the transport, then delete it."""
    get_connection(settings.MAIL_TRANSPORT).send_messages([unpack(mail.content)])
    mail.delete()


def is_final(error: Exception) -> bool:
    """Return whether this was the last attempt, or the server refuses the recipients for good."""
    context = current_job.get()
    if context is not None and RETRY.is_last_attempt(context.job):
        return True
    return isinstance(error, SMTPRecipientsRefused) and all(
        code >= 500 for code, _ in error.recipients.values()
    )


def describe(error: Exception) -> str:
    """Return what can be logged of an error: its type and the server's code."""
    name = type(error).__name__
    return f"{name} {error.smtp_code}" if isinstance(error, SMTPResponseException) else name


def pack(message: EmailMessage) -> dict[str, Any]:
    """Return a mail as JSON. Raises BadHeaderError, and ValueError for attachments."""
    if message.attachments:
        raise ValueError("mails with attachments are not supported")
    headers = {name: str(value) for name, value in message.extra_headers.items()}
    # Set before the first attempt, so that receivers can recognize a mail that is sent twice.
    domain = parseaddr(message.from_email)[1].rpartition("@")[2]
    headers.setdefault("Message-ID", make_msgid(domain=domain or "localhost"))
    headers.setdefault("Date", format_datetime(timezone.now()))
    message = copy(message)
    message.extra_headers = headers
    message.message()  # raises what sending would raise, while the caller can handle it
    return {
        **{name: str(getattr(message, name)) for name in TEXTS},
        **{name: [str(address) for address in getattr(message, name)] for name in ADDRESSES},
        "headers": headers,
        "alternatives": [list(part) for part in getattr(message, "alternatives", [])],
    }


def unpack(content: dict[str, Any]) -> EmailMultiAlternatives:
    fields = dict(content)
    subtype = fields.pop("content_subtype")
    message = EmailMultiAlternatives(**fields)
    message.content_subtype = subtype
    return message


@periodic("23 * * * *")
def drop_unsent_mail() -> None:
    """Delete mails that are too old to be of use, because their jobs failed or no worker ran."""
    old = QueuedMail.objects.filter(created_at__lt=timezone.now() - UNSENT_MAIL_KEPT)
    if number := delete_in_batches(old):
        logger.error("%d unsent mails were dropped", number)
