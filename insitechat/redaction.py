"""Keeping API keys out of what is written, whoever wrote them there."""

import logging
import re

# Also of a damaged key only the prefix survives, so what follows `ic_` may have any length.
KEY = re.compile(r"(ic(?:_|%5[Ff])[A-Za-z0-9_-]{5})(?=[A-Za-z0-9_-]{8})[A-Za-z0-9_-]+")


def redact(text: str) -> str:
    """Return the text with every API key cut to its prefix."""
    return KEY.sub(r"\1…", text)


class RedactingFormatter(logging.Formatter):
    """Formats a record, its traceback included, without API keys."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
