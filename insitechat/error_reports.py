"""Django's error reports, without API keys."""

from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from insitechat.redaction import redact


class RedactingReporter(ExceptionReporter):
    """Django's error report, as page or mail, without API keys: local variables, body and all."""

    def get_traceback_html(self) -> SafeString:
        return SafeString(redact(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(redact(super().get_traceback_text()))
