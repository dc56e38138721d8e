"""The public address, and what the proxies behind it make of a request."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from insitechat.operations.doctor.finding import Finding
from insitechat.operations.health import DOCTOR_HEADER, doctor_signature

TIMEOUT_SECONDS = 10.0
# What a client pretends to be. This address belongs to nobody (RFC 5737).
MADE_UP = "192.0.2.1"
LOCAL = {"localhost", "127.0.0.1"}
CERTIFICATE_DAYS = 14


def examine() -> Iterator[Finding]:
    url = urlsplit(settings.PUBLIC_URL)
    host = url.hostname or ""
    try:
        connection = connect(host, url.port, is_secure=url.scheme == "https")
        status, answer = ask(connection)
        days = days_of_certificate(connection)
        connection.close()
    except ssl.SSLError as error:
        yield Finding(
            f"{settings.PUBLIC_URL} shows a certificate that is not trusted: {error.reason}.",
            "Install a certificate for this name, with its chain. If its authority is your own,"
            " set SSL_CERT_FILE to the authority's certificate for this command.",
        )
    except (OSError, http.client.HTTPException) as error:
        yield unreachable(host, error)
    else:
        yield from examine_certificate(days)
        yield from examine_answer(status, answer, is_secure=url.scheme == "https")


def connect(host: str, port: int | None, *, is_secure: bool) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
    connection = kind(host, port, timeout=TIMEOUT_SECONDS)
    connection.connect()
    return connection


def ask(connection: http.client.HTTPConnection) -> tuple[int, Any]:
    """Return the status and the object that `/healthz` answers a pretender with."""
    headers = {DOCTOR_HEADER: doctor_signature(), "X-Forwarded-For": MADE_UP}
    connection.request("GET", "/healthz", headers=headers)
    response = connection.getresponse()
    body = response.read()
    try:
        return response.status, json.loads(body)
    except ValueError:
        return response.status, None


def days_of_certificate(connection: http.client.HTTPConnection) -> float | None:
    """Return for how many days the certificate is good; None without TLS."""
    if not isinstance(connection.sock, ssl.SSLSocket):
        return None
    certificate: Any = connection.sock.getpeercert()
    return (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / 86400


def unreachable(host: str, error: Exception) -> Finding:
    if host in LOCAL:
        return Finding(
            f"{settings.PUBLIC_URL} cannot be examined from here: every machine has it.",
            "Nothing has to be done for a trial; set PUBLIC_URL when the service has a name.",
            is_warning=True,
        )
    reason = "its name is unknown" if isinstance(error, socket.gaierror) else error
    return Finding(
        f"{settings.PUBLIC_URL} cannot be reached: {reason}.",
        "Correct PUBLIC_URL, the name's DNS record, the firewall or the proxy.",
    )


def examine_certificate(days: float | None) -> Iterator[Finding]:
    if days is not None and days < CERTIFICATE_DAYS:
        yield Finding(
            f"The certificate of {settings.PUBLIC_URL} ends in {days:.0f} days.",
            "Renew it.",
            is_warning=True,
        )


def examine_answer(status: int, answer: Any, *, is_secure: bool) -> Iterator[Finding]:
    seen = answer.get("seen") if isinstance(answer, dict) else None
    if status != 200 or seen is None:
        yield Finding(
            f"{settings.PUBLIC_URL}/healthz answers {status}, and not as this installation does.",
            "Look at what else answers there, and whether it has the same SECRET_KEY.",
        )
        return
    yield from examine_headers(seen, is_secure=is_secure)


def examine_headers(seen: dict[str, Any], *, is_secure: bool) -> Iterator[Finding]:
    public = urlsplit(settings.PUBLIC_URL)
    if seen["host"] != public.netloc:
        yield Finding(
            f"The service is asked for the host {seen['host']}, and not for {public.netloc}.",
            "Let the proxy pass on the Host header as it came.",
        )
    if seen["is_secure"] != is_secure:
        yield Finding(
            "The service takes requests over https for plain http: pages redirect for ever.",
            "Let the proxy set X-Forwarded-Proto, and name its address in FORWARDED_ALLOW_IPS.",
        )
    if seen["address"] == MADE_UP:
        yield Finding(
            "Clients can make up their address: what they send as X-Forwarded-For is believed.",
            "Set TRUSTED_PROXY_COUNT to the number of proxies that add to X-Forwarded-For.",
        )
    elif not settings.TRUSTED_PROXY_COUNT and seen["forwarded"] != [MADE_UP]:
        yield Finding(
            "A proxy stands in front, whose address all visitors share.",
            "Set TRUSTED_PROXY_COUNT to the number of proxies that add to X-Forwarded-For.",
        )
