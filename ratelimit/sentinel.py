"""Finding the master that Redis Sentinel has elected.

A URL is `redis+sentinel://user:password@host:26379,host:26379/master/0`: the sentinels, the name
that they know the master by, and its database. User and password, if any, are the master's.
"""

from typing import Any
from urllib.parse import unquote, urlsplit

from redis.sentinel import Sentinel

SCHEME = "redis+sentinel"
PORT = 26379


def is_sentinel(url: str) -> bool:
    return url.partition("://")[0] == SCHEME


def find_master(url: str, timeout_seconds: float) -> dict[str, Any]:
    """Ask the sentinels one after another; return how to connect to the master.

    Raises redis.ConnectionError where none of them knows a master that is up.
    """
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    name, _, database = parts.path.strip("/").partition("/")
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        [address(host) for host in hosts.split(",")],
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
    )
    try:
        host, port = sentinel.discover_master(name)  # type: ignore[no-untyped-call]
    finally:
        for client in sentinel.sentinels:
            client.close()
    user, _, password = (unquote(part) for part in credentials.partition(":"))
    return {
        "host": host,
        "port": port,
        "db": int(database or 0),
        "username": user or None,
        "password": password or None,
    }


def address(host: str) -> tuple[str, int]:
    name, _, port = host.partition(":")
    return name, int(port or PORT)
