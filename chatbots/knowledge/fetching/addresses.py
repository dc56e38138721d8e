"""Which addresses may be fetched from: public ones, and those that the operator allows. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx2

DEFAULT_PORTS = {"http": 80, "https": 443}

# The special-purpose registries of IANA, as of 2026: what is not globally reachable, and relays
# that lead into what is not. Python's `is_global` follows them from one release to the next.
PRIVATE_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' NAT, and metadata services of some clouds
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, and metadata services
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",  # multicast, reserved, broadcast
            "168.63.129.16/32",  # the platform's address inside Azure
        ),
    )
)
PUBLIC_IPV6 = IPv6Network("2000::/3")
PRIVATE_IPV6 = tuple(
    map(
        IPv6Network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)


class FetchRefused(Exception):
    """An address may not be fetched from. The message says why, and is shown to the owner."""


class AllowedHosts:
    """The operator's exceptions, as `host` or `host:port`; both names and addresses."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._entries = frozenset(entry.strip().lower() for entry in entries if entry.strip())

    def __contains__(self, host_and_port: tuple[str, int]) -> bool:
        host, port = host_and_port
        host = host.lower()
        return host in self._entries or f"{host}:{port}" in self._entries


def is_public(address: str) -> bool:
    """Say whether an IP address belongs to the public internet, however it is written."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in PRIVATE_IPV4)
    return is_public_ipv6(parsed)


def is_public_ipv6(address: IPv6Address) -> bool:
    """Refuse what embeds an IPv4 address too: translators may lead anywhere."""
    return (
        address.scope_id is None
        and address in PUBLIC_IPV6
        and not any(address in network for network in PRIVATE_IPV6)
    )


def checked_url(url: str, allowed: AllowedHosts) -> httpx2.URL:
    """Return a URL that may be fetched if its host is public. Raises FetchRefused."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise FetchRefused("This is no address of a page.") from error
    if parsed.scheme not in DEFAULT_PORTS or not parsed.host:
        raise FetchRefused("Only addresses that begin with http:// or https:// can be read.")
    if parsed.userinfo:
        raise FetchRefused("Addresses with a user name or password are not read.")
    port = parsed.port or DEFAULT_PORTS[parsed.scheme]
    if port not in DEFAULT_PORTS.values() and host_and_port(parsed) not in allowed:
        raise FetchRefused(f"Port {port} is not read: only 80 and 443 are.")
    return parsed


def host_and_port(url: httpx2.URL) -> tuple[str, int]:
    return url.raw_host.decode("ascii"), url.port or DEFAULT_PORTS[url.scheme]
