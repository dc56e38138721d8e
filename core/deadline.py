"""Sockets for httpcore2 whose operations share one deadline.

The timeouts of an HTTP client bound single operations: a peer that sends a byte now and then never
exceeds them. httpcore2 hands the values of a request's `timeout` extension down to its network
backend unchanged. This backend takes them as moments of `time.monotonic()`; a request has the same
moment in all of them.

The lookup of the host's name is not bounded by the deadline but by the `timeout` and `attempts` of
resolv.conf. If it takes longer than the deadline, no connection is made.
"""

import ssl
from collections.abc import Iterable
from socket import SOCK_STREAM, getaddrinfo
from time import monotonic
from typing import Any

import httpcore2

from core.patience import Patience

# How often a read that waits asks whether its answer is still wanted.
ASKS_EVERY_SECONDS = 1.0


class DeadlineBackend(httpcore2.SyncBackend):
    """Opens connections; `timeout` is a moment."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that accepts; each gets an equal share of the time left."""
        addresses = self.addresses_of(host, port)
        for untried in range(len(addresses), 0, -1):
            share = seconds_until(timeout) / untried
            try:
                stream = super().connect_tcp(
                    addresses[-untried], port, share, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if untried == 1:
                    raise
            else:
                return DeadlineStream(stream)
        raise httpcore2.ConnectError(f"{host} has no address")

    def addresses_of(self, host: str, port: int) -> list[str]:
        """Return the addresses to try. It is asked once for each connection."""
        return look_up(host, port)


class DeadlineStream(httpcore2.NetworkStream):
    """An open connection; `timeout` is a moment."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come. Raises ReadError when nobody wants the answer any more."""
        while True:
            seconds = seconds_until(timeout)
            try:
                return self._stream.read(max_bytes, min(seconds, ASKS_EVERY_SECONDS))
            except httpcore2.ReadTimeout:
                if isinstance(timeout, Patience) and not timeout.is_wanted():
                    raise httpcore2.ReadError("the answer is not wanted any more") from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # The stream's own method would start its timeout anew for each part that is sent.
        socket = self._stream.get_extra_info("socket")
        unsent = memoryview(buffer)
        while unsent:
            socket.settimeout(seconds_until(timeout))
            try:
                unsent = unsent[socket.send(unsent) :]
            except TimeoutError as error:
                raise httpcore2.WriteTimeout(str(error)) from error
            except OSError as error:
                raise httpcore2.WriteError(str(error)) from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            seconds = seconds_until(timeout)
        except httpcore2.TimeoutException:
            self.close()
            raise
        return DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def look_up(host: str, port: int) -> list[str]:
    """Return the host's addresses in the order in which the system prefers them."""
    try:
        found = getaddrinfo(host, port, type=SOCK_STREAM)
    except OSError as error:
        raise httpcore2.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]


def seconds_until(deadline: float | None) -> float:
    """Return the time left, which is more than 0. Raises TimeoutException."""
    if deadline is None:
        raise ValueError("an exchange needs a deadline")
    seconds = deadline - monotonic()
    if seconds <= 0:
        raise httpcore2.TimeoutException("the deadline has passed")
    return seconds
