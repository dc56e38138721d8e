"""Who is calling: an active key by the Authorization header, or a person by the session."""

import re
from typing import Any

from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from ninja.security import APIKeyCookie
from ninja.security.http import HttpAuthBase

from apikeys.models import ActiveKey, EndedKey, find_key
from apikeys.tokens import digest, is_well_formed

AUTHORIZATION = re.compile(r"(?i:bearer) +([^ ]+)")


@sensitive_variables()
def authenticate(request: HttpRequest) -> ActiveKey | EndedKey | None:
    """Return the key that the request carries, asking the database once per request.

    Only an ActiveKey lets it in. None means missing, malformed or unknown; what cannot be a key is
    refused without a query.
    """
    known: ActiveKey | None = getattr(request, "api_key", None)
    if known is not None:
        return known
    header = AUTHORIZATION.fullmatch(request.META.get("HTTP_AUTHORIZATION", ""))
    if header is None or not is_well_formed(header[1]):
        return None
    return find_key(digest(header[1]))


class ApiKeyAuth(HttpAuthBase):
    """Ninja's side of the gate: an operation under it runs for an active key only."""

    openapi_scheme = "bearer"
    openapi_bearerFormat = "ic_ and 44 URL-safe characters"  # noqa: N815 (as OpenAPI spells it)

    def __call__(self, request: HttpRequest) -> ActiveKey | None:
        found = authenticate(request)
        return found if isinstance(found, ActiveKey) else None


class OwnerAuth(APIKeyCookie):
    """The signed-in account owner, by session cookie; what changes something needs a CSRF token."""

    def __init__(self, cookie_name: str) -> None:
        self.param_name = cookie_name
        super().__init__()

    def __call__(self, request: HttpRequest) -> Any:
        if not request.user.is_authenticated:
            return None
        return super().__call__(request)

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        return request.user
