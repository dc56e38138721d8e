"""Kinds of request, and what the service believes of where one comes from."""

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

if TYPE_CHECKING:
    from django.contrib.auth.models import _User as User  # the configured model; in stubs only

# What a Django middleware wraps, and what it returns.
Handler = Callable[[HttpRequest], HttpResponseBase]


class OwnerRequest(HttpRequest):
    """A request of a signed-in account owner: of a page, or of an endpoint under OwnerAuth."""

    user: "User"


def client_address(request: HttpRequest) -> str | None:
    """Return the IP address that the request comes from; None where that cannot be told.

    Behind TRUSTED_PROXY_COUNT proxies it is what the outermost of them added to X-Forwarded-For.
    Entries further left were sent by the client, which may have made them up.
    """
    address = request.META.get("REMOTE_ADDR", "")
    count: int = settings.TRUSTED_PROXY_COUNT
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if count and len(forwarded) >= count:
        address = forwarded[-count]
    return normalised(address.strip())


def normalised(address: str) -> str | None:
    """Return the address without zone, brackets or port; None where it is none."""
    if address.startswith("["):
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        address = address.partition(":")[0]
    try:
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return None
