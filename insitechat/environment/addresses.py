"""What the URLs of the database and of the mail server say, as Django's settings have it."""

from typing import Any
from urllib.parse import unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

DATABASE_SETTINGS = {
    "dbname": "NAME",
    "user": "USER",
    "password": "PASSWORD",
    "host": "HOST",
    "port": "PORT",
}
# The scheme, how the connection is encrypted, and the port that is usual for it.
MAIL_SERVERS: dict[str, tuple[dict[str, bool], int]] = {
    "smtp": ({}, 25),
    "smtp+tls": ({"EMAIL_USE_TLS": True}, 587),
    "smtp+ssl": ({"EMAIL_USE_SSL": True}, 465),
}


def database(url: str) -> dict[str, Any]:
    """Return the entry of DATABASES for a URL, read as libpq reads it. Raises ValueError."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("another scheme than postgresql")
    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise ValueError("not a URL that PostgreSQL's client reads") from error
    if not parameters.get("dbname"):
        raise ValueError("no database is named")
    named = {key: str(parameters.pop(name, "")) for name, key in DATABASE_SETTINGS.items()}
    return {**named, "OPTIONS": parameters}


def mail(url: str) -> dict[str, Any]:
    """Return Django's settings of how mail is sent; empty: it is printed. Raises ValueError."""
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    parts = urlsplit(url)
    if parts.scheme == "filemail" and parts.path:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": unquote(parts.path),
        }
    if parts.scheme not in MAIL_SERVERS or not parts.hostname:
        raise ValueError("not the URL of a mail server")
    encryption, usual_port = MAIL_SERVERS[parts.scheme]
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or usual_port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        **encryption,
    }
