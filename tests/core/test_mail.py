"""Mail, from being written to being sent by a worker."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import psutil
import pytest
from django.core import mail
from django.core.mail import BadHeaderError, EmailMessage, EmailMultiAlternatives, send_mail
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from core.mail import RETRY, UNSENT_MAIL_KEPT, drop_unsent_mail, send
from core.management.commands.worker import NICENESS
from core.models import QueuedMail
from insitechat.operations.paths import PROJECT
from tests.conftest import database_url, wait_for
from tests.core.smtp_server import SmtpServer, smtp_server
from tests.jobs import delivered, run_due_jobs

RESET_LINK = "http://testserver/forgotten-password/secret-token"


@pytest.fixture
def smtp(settings: Settings) -> Iterator[SmtpServer]:
    """Return an SMTP server that mails are sent through."""
    with smtp_server() as server:
        settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = server.port
        settings.EMAIL_TIMEOUT = 10
        yield server


def write(to: str = "reader@example.org") -> None:
    send_mail("A subject", f"Follow {RESET_LINK}", "InsiteChat <no-reply@example.com>", [to])


def make_due() -> None:
    """Let the back-off of every job be over."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")


class TestQueuing:
    def test_a_mail_is_sent_by_its_job_and_forgotten(self, db: None) -> None:
        write()
        assert mail.outbox == []
        assert QueuedMail.objects.count() == 1
        assert [message.subject for message in delivered()] == ["A subject"]
        assert not QueuedMail.objects.exists()

    def test_a_transaction_that_rolls_back_sends_nothing(self, transactional_db: None) -> None:
        with transaction.atomic():
            write()
            transaction.set_rollback(True)
        assert delivered() == []
        assert not QueuedMail.objects.exists()

    def test_all_of_a_mail_arrives(self, db: None) -> None:
        written = EmailMultiAlternatives(
            "Grüße",
            "Text",
            "Some One <one@example.com>",
            ["a@example.org", "b@example.org"],
            bcc=["hidden@example.org"],
            cc=["seen@example.org"],
            reply_to=["answers@example.com"],
            headers={"X-Kind": "reset"},
        )
        written.attach_alternative("<p>Text</p>", "text/html")
        written.send()
        (sent,) = delivered()
        assert isinstance(sent, EmailMultiAlternatives)
        for name in ("subject", "body", "from_email", "to", "cc", "bcc", "reply_to"):
            assert getattr(sent, name) == getattr(written, name)
        assert sent.extra_headers["X-Kind"] == "reset"
        assert [tuple(part) for part in sent.alternatives] == [("<p>Text</p>", "text/html")]

    def test_a_page_of_html_arrives_as_such(self, db: None) -> None:
        written = EmailMessage("Subject", "<p>Text</p>", to=["a@example.org"])
        written.content_subtype = "html"
        written.send()
        assert delivered()[0].message().get_content_type() == "text/html"

    def test_what_cannot_be_sent_is_refused_at_once(self, db: None) -> None:
        with pytest.raises(BadHeaderError):
            send_mail("Two\nlines", "Text", None, ["a@example.org"])
        attached = EmailMessage("Subject", "Text", to=["a@example.org"])
        attached.attach("name.txt", "content")
        with pytest.raises(ValueError, match="attachments"):
            attached.send()
        assert not QueuedMail.objects.exists()

    def test_its_job_knows_its_id_alone(self, db: None) -> None:
        write()
        (stored,) = QueuedMail.objects.all()
        assert ProcrastinateJob.objects.get().args == {"mail_id": stored.pk}


class TestSending:
    def test_a_mail_goes_through_the_server_of_the_settings(
        self, db: None, smtp: SmtpServer
    ) -> None:
        write()
        run_due_jobs()
        (message,) = smtp.messages
        assert "To: reader@example.org" in message
        assert RESET_LINK in message

    def test_a_failed_mail_is_sent_later_as_the_same_mail(
        self, db: None, smtp: SmtpServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        smtp.refuses_with = 451  # come back later
        write()
        run_due_jobs()
        make_due()
        run_due_jobs()
        assert smtp.messages == []
        assert QueuedMail.objects.count() == 1
        smtp.refuses_with = 0
        make_due()
        run_due_jobs()
        assert len(smtp.messages) == 1
        assert not QueuedMail.objects.exists()
        assert "MailNotSent: SMTPRecipientsRefused" in caplog.text

    def test_a_repeated_mail_keeps_its_message_id(self, db: None, smtp: SmtpServer) -> None:
        write()
        (stored,) = QueuedMail.objects.all()
        run_due_jobs()
        stored.pk = None
        stored.save()
        send.enqueue(stored.pk)
        run_due_jobs()
        first, second = smtp.messages
        assert first == second

    def test_logs_name_neither_reader_nor_content(
        self, db: None, smtp: SmtpServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        smtp.refuses_with = 451
        write()
        for _ in range(RETRY.attempts):
            run_due_jobs()
            make_due()
        said = caplog.text + "".join(str(vars(record)) for record in caplog.records)
        for secret in ("reader@example.org", "A subject", RESET_LINK, "secret-token"):
            assert secret not in said

    def test_it_is_dropped_after_the_last_attempt(
        self, db: None, smtp: SmtpServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        smtp.refuses_with = 451
        write()
        (stored,) = QueuedMail.objects.all()
        for attempt in range(RETRY.attempts):
            assert QueuedMail.objects.exists(), attempt
            run_due_jobs()
            make_due()
        assert not QueuedMail.objects.exists()
        assert f"mail {stored.pk} is dropped: SMTPRecipientsRefused" in caplog.text
        assert smtp.connections == RETRY.attempts

    def test_attempts_go_on_for_hours(self) -> None:
        waits = [RETRY.wait_after(attempts) for attempts in range(1, RETRY.attempts)]
        assert timedelta(hours=6) < sum(waits, timedelta()) < timedelta(hours=12)

    def test_a_reader_whom_the_server_does_not_know_is_not_tried_again(
        self, db: None, smtp: SmtpServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        smtp.refuses_with = 550
        write()
        run_due_jobs()
        assert not QueuedMail.objects.exists()
        assert "is dropped: SMTPRecipientsRefused" in caplog.text

    def test_what_the_server_accepted_is_not_sent_again(self, db: None, smtp: SmtpServer) -> None:
        smtp.hangs_up_on_quit = True
        write()
        run_due_jobs()
        make_due()
        run_due_jobs()
        assert len(smtp.messages) == 1

    def test_a_server_that_is_not_there_is_tried_again(self, db: None, smtp: SmtpServer) -> None:
        smtp.server_close()
        write()
        run_due_jobs()
        assert ProcrastinateJob.objects.get().status == "todo"
        assert QueuedMail.objects.exists()


def test_a_mail_that_nobody_sent_is_dropped_in_the_end(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    write()
    write()
    old = QueuedMail.objects.earliest("pk")
    QueuedMail.objects.filter(pk=old.pk).update(created_at=timezone.now() - UNSENT_MAIL_KEPT)
    drop_unsent_mail()
    assert QueuedMail.objects.get().pk != old.pk
    assert "1 unsent mails were dropped" in caplog.text


class TestWithARealWorker:
    def test_a_slow_server_keeps_nobody_waiting(
        self, transactional_db: None, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """A sign-up is answered and the connection to the database free; then the mail follows."""
        with smtp_server() as smtp:
            smtp.is_silent = True
            assert Client().post(
                "/sign-up/", {"email": "new@example.org", "password1": "correct horse battery"}
            ).status_code in (200, 302)
            assert smtp.connections == 0
            worker = start_worker(smtp, tmp_path_factory)
            wait_for(lambda: smtp.connections == 1)
            assert QueuedMail.objects.exists()
            worker.kill()
            worker.wait()

    def test_the_command_sends_and_gives_way(
        self, transactional_db: None, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        with smtp_server() as smtp:
            worker = start_worker(smtp, tmp_path_factory)
            write()
            wait_for(lambda: len(smtp.messages) == 1)
            wait_for(lambda: not QueuedMail.objects.exists())
            assert psutil.Process(worker.pid).nice() == os.nice(0) + NICENESS
            worker.terminate()
            assert worker.wait(30) == 0


def start_worker(
    smtp: SmtpServer, tmp_path_factory: pytest.TempPathFactory
) -> subprocess.Popen[bytes]:
    alive = tmp_path_factory.mktemp("worker") / "alive"
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        cwd=PROJECT,
        env=os.environ
        | {
            "DATABASE_URL": database_url(),
            "EMAIL_URL": smtp.url,
            "WORKER_HEARTBEAT_FILE": str(alive),
        },
    )
    wait_for(alive.exists)
    return process
