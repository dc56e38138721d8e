"""Django's error pages and reports, without API keys and passwords, whatever DEBUG says."""

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from core.http import Handler
from core.redaction import redact


class SecretsFilter(SafeExceptionReporterFilter):
    """Hides what is named like a secret in forms and local variables too, in development as well.

    Django's own filter sleeps while DEBUG is on, and knows only the names of settings.
    """

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> Any:
        parameters = super().get_post_parameters(request)
        return {name: self.cleanse_setting(name, value) for name, value in parameters.items()}

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return {name: self.cleanse_setting(name, value) for name, value in variables}.items()


class RedactingReporter(ExceptionReporter):
    """Removes API keys from the whole of an error report, whether page or mail."""

    def get_traceback_html(self) -> SafeString:
        return SafeString(redact(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(redact(super().get_traceback_text()))


def redact_error_pages(get_response: Handler) -> Handler:
    """Django middleware for development: its page for an unknown address quotes the address."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if response.status_code >= 400 and isinstance(response, HttpResponse):
            response.content = redact(response.content.decode(response.charset))
            if "Content-Length" in response.headers:
                response.headers["Content-Length"] = str(len(response.content))
        return response

    return middleware
