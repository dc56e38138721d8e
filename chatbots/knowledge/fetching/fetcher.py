"""An HTTP client for addresses that strangers name, whose exchanges are bounded in time and size.

A host's name is looked up once for each connection. All of its addresses have to be public, and the
connection goes to one of them, so a name that answers differently the next time changes nothing.
TLS verifies the name. Proxies of the environment are ignored: they would look the name up again.
"""

import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import Self
from urllib.parse import urljoin

import httpcore2
import httpx2

from chatbots.knowledge.fetching.addresses import (
    AllowedHosts,
    FetchRefused,
    checked_url,
    is_public,
)
from core.deadline import DeadlineBackend

MAX_REDIRECTS = 5
MAX_BYTES = 5 * 1024 * 1024
TIMEOUT_SECONDS = 20.0
IDLE_SECONDS = 4.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
PIECE_BYTES = 65_536


class FetchFailed(Exception):
    """There was no whole answer. The message says why, and is shown to the owner."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What an answer says of its version; a later request with them is answered 304."""

    etag: str = ""
    last_modified: str = ""

    def headers(self) -> list[tuple[str, str]]:
        fields = (("If-None-Match", self.etag), ("If-Modified-Since", self.last_modified))
        return [(name, value) for name, value in fields if value]


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer; `url` is where it came from in the end."""

    url: str
    status: int
    content: bytes = b""
    media_type: str = ""
    charset: str = ""
    validators: Validators = NO_VALIDATORS
    retry_after_seconds: int = 0


def at_once(host: str) -> None:
    """Let a host be asked without waiting."""


class GuardedBackend(DeadlineBackend):
    """Connects to public addresses only, and to hosts that the operator allows."""

    def __init__(self, allowed: AllowedHosts) -> None:
        super().__init__()
        self._allowed = allowed

    def addresses_of(self, host: str, port: int) -> list[str]:
        addresses = super().addresses_of(host, port)
        if (host, port) not in self._allowed and not all(map(is_public, addresses)):
            raise FetchRefused(f"{host} is an address of a private network, which is not read.")
        return addresses


class Fetcher:
    """Fetches pages, one after the other, over connections that it keeps open for a while."""

    def __init__(
        self, user_agent: str, allowed: AllowedHosts, *, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._headers = (("User-Agent", user_agent), ("Accept", "*/*"), ("Accept-Encoding", "gzip"))
        self._allowed = allowed
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context or httpx2.create_ssl_context(trust_env=False),
            max_connections=2,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=GuardedBackend(allowed),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def fetch(
        self,
        url: str,
        validators: Validators = NO_VALIDATORS,
        *,
        media_types: frozenset[str] = frozenset(),
        max_bytes: int = MAX_BYTES,
        await_turn: Callable[[str], None] = at_once,
    ) -> Fetched:
        """Fetch a URL, through redirects, all within TIMEOUT_SECONDS.

        Only the given media types are read, or any if none is given; an answer without one is read
        too. `await_turn` is called with the host before each request; the time that it takes does
        not count. Raises FetchFailed and FetchRefused.
        """
        deadline = time.monotonic() + TIMEOUT_SECONDS
        for _ in range(MAX_REDIRECTS + 1):
            checked = checked_url(url, self._allowed)
            arrived = time.monotonic()
            await_turn(checked.host)
            deadline += time.monotonic() - arrived
            with exchange_errors(checked.host), self._ask(checked, validators, deadline) as answer:
                location = header(answer, b"location")
                if answer.status not in REDIRECTS or not location:
                    return read_answer(str(checked), answer, media_types, max_bytes)
            url = joined(str(checked), location)
        raise FetchFailed(f"It redirects more than {MAX_REDIRECTS} times.")

    def _ask(
        self, url: httpx2.URL, validators: Validators, deadline: float
    ) -> AbstractContextManager[httpcore2.Response]:
        return self._pool.stream(
            "GET",
            httpcore2.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=[("Host", url.netloc), *self._headers, *validators.headers()],
            extensions={"timeout": dict.fromkeys(("connect", "read", "write"), deadline)},
        )


def joined(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError as error:
        raise FetchFailed("It redirects to something that is no address.") from error


def header(answer: httpcore2.Response, name: bytes) -> str:
    values = (value for key, value in answer.headers if key.lower() == name)
    return next(values, b"").decode("latin-1").strip()


def read_answer(
    url: str, answer: httpcore2.Response, media_types: frozenset[str], max_bytes: int
) -> Fetched:
    content_type = Message()
    content_type["Content-Type"] = header(answer, b"content-type") or "application/octet-stream"
    media_type = content_type.get_content_type() if header(answer, b"content-type") else ""
    retry_after = header(answer, b"retry-after")
    is_wanted = answer.status == 200 and not (media_types and media_type not in {*media_types, ""})
    return Fetched(
        url=url,
        status=answer.status,
        content=b"".join(pieces(answer, max_bytes)) if is_wanted else b"",
        media_type=media_type,
        charset=content_type.get_content_charset("") or "",
        validators=Validators(header(answer, b"etag"), header(answer, b"last-modified")),
        retry_after_seconds=int(retry_after) if retry_after.isdecimal() else 0,
    )


def pieces(answer: httpcore2.Response, max_bytes: int) -> Iterator[bytes]:
    """Yield the body, decompressed. Raises FetchFailed beyond max_bytes of it."""
    size = 0
    encoding = header(answer, b"content-encoding").lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise FetchFailed("It is compressed in a way that was not asked for.")
    stream = answer.iter_stream()
    for piece in stream if encoding in {"", "identity"} else decompressed(stream):
        size += len(piece)
        if size > max_bytes:
            raise FetchFailed(f"It is larger than {max_bytes // (1024 * 1024)} MB.")
        yield piece


def decompressed(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what the stream unpacks to in pieces of a bounded size."""
    unpacker = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        for packed in stream:
            yield unpacker.decompress(packed, PIECE_BYTES)
            while unpacker.unconsumed_tail:
                yield unpacker.decompress(unpacker.unconsumed_tail, PIECE_BYTES)
    except zlib.error as error:
        raise FetchFailed("Its compressed content is damaged.") from error
    if not unpacker.eof:
        raise FetchFailed("Its compressed content is damaged.")


@contextmanager
def exchange_errors(host: str) -> Iterator[None]:
    """Turn httpcore2's errors into reasons."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise FetchFailed(f"{host} did not answer in {TIMEOUT_SECONDS:.0f} seconds.") from error
    except httpcore2.ConnectError as error:
        raise FetchFailed(reason_of(host, error)) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise FetchFailed(f"{host} broke off its answer.") from error


def reason_of(host: str, error: Exception) -> str:
    causes = (error, error.__cause__, error.__context__)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return f"The certificate of {host} is not valid."
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return f"{host} does not speak TLS as it should."
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return f"There is no host called {host}."
    return f"{host} cannot be reached."
