"""The HTTP client of all providers: one a process, its exchanges bounded in time and size.

Import it where it is used: it takes time and memory that deployments without remote providers save.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from core.deadline import DeadlineBackend
from core.patience import Patience

# Many times the size of the longest answers.
MAX_RESPONSE_BYTES = 4 * 1024 * 1024
# Less than the five seconds after which Uvicorn and Node.js close idle connections. A request on a
# connection that the server is just closing fails.
IDLE_SECONDS = 4.0


class BoundedTransport(httpx2.BaseTransport):
    """Ends each exchange at its deadline, or as soon as the answer is too large.

    Proxies are taken from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. They must be `http://`
    proxies: inside a TLS connection to an `https://` proxy, the handshake with the provider could
    not be bounded.
    """

    def __init__(self) -> None:
        self._ssl_context = httpx2.create_ssl_context()
        self._pools: dict[str | None, httpcore2.ConnectionPool] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        deadline = Patience.until(request.extensions["timeout"]["read"])
        url = request.url
        with httpx_errors():
            response = self._pool(proxy_for(url)).handle_request(
                httpcore2.Request(
                    request.method,
                    httpcore2.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions={"timeout": dict.fromkeys(("connect", "read", "write"), deadline)},
                )
            )
        return uncompressed(
            httpx2.Response(
                response.status,
                headers=response.headers,
                stream=BoundedStream(response),
                extensions=response.extensions,
            )
        )

    def _pool(self, proxy: str | None) -> httpcore2.ConnectionPool:
        """Return the pool of connections through a proxy, or of direct ones."""
        pool = self._pools.get(proxy)
        if pool is None:
            pool = httpcore2.ConnectionPool(
                ssl_context=self._ssl_context,
                proxy=parse_proxy(proxy) if proxy else None,
                max_connections=None,  # chatbots.waiting bounds them
                keepalive_expiry=IDLE_SECONDS,
                network_backend=DeadlineBackend(),
            )
            # Another thread may have made the same pool meanwhile; the first one is used by all.
            pool = self._pools.setdefault(proxy, pool)
        return pool

    def forget_connections(self) -> None:
        """Leave open connections to the process that this one was forked from."""
        self._pools = {}

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


class BoundedStream(httpx2.SyncByteStream):
    """A response body of at most MAX_RESPONSE_BYTES. Raises ReadError when it is longer."""

    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        with httpx_errors():
            for chunk in self._response.iter_stream():
                size += len(chunk)
                if size > MAX_RESPONSE_BYTES:
                    raise httpx2.ReadError(f"more than {MAX_RESPONSE_BYTES:,} bytes")
                yield chunk

    def close(self) -> None:
        self._response.close()


def uncompressed(response: httpx2.Response) -> httpx2.Response:
    """Refuse a compressed response, which could be a thousand times as large in memory."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        response.close()
        raise httpx2.DecodingError("compressed without having been asked to be")
    return response


def proxy_for(url: httpx2.URL) -> str | None:
    """Return the proxy that the environment names for a URL, if any."""
    if proxy_bypass(url.host):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


def parse_proxy(address: str) -> httpcore2.Proxy:
    url = httpx2.URL(address if "://" in address else f"http://{address}")
    if url.scheme != "http":
        raise httpx2.ProxyError("only http:// proxies can be used")
    proxy = httpx2.Proxy(url)
    return httpcore2.Proxy(str(proxy.url), auth=proxy.raw_auth)


@contextmanager
def httpx_errors() -> Iterator[None]:
    """Turn httpcore2's errors into those of httpx2."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise httpx2.TimeoutException(str(error)) from error
    except (
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.ProxyError,
        httpcore2.UnsupportedProtocol,
    ) as error:
        raise httpx2.TransportError(str(error)) from error


transport = BoundedTransport()
os.register_at_fork(after_in_child=transport.forget_connections)

# A request's `timeout` bounds its exchange as a whole: connecting, sending, and reading the
# response to its end, at once or as a stream. Redirects are not followed, and cookies are not kept.
http_client = httpx2.Client(
    transport=transport,
    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    headers={"Accept-Encoding": "identity"},
    trust_env=False,  # the transport chooses the proxy
)
