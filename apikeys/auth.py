"""Authentication by an API key in the Authorization header, or by the session of a person."""

import re
from typing import Any

from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from ninja.security import APIKeyCookie
from ninja.security.http import HttpAuthBase

from accounts.reauthentication import require_fresh_sign_in
from apikeys.lookup import ActiveKey, EndedKey, find_key
from apikeys.tokens import digest, is_well_formed
from core.look_ups import look_ups

AUTHORIZATION = re.compile(r"(?i:bearer) +([^ ]+)")


@sensitive_variables()
def authenticate(request: HttpRequest) -> ActiveKey | EndedKey | None:
    """Return the key that the request carries; None where it is missing, malformed or unknown.

    Only an ActiveKey authenticates the request. The database is asked at most once per request, and
    not at all about a text that cannot be a key.
    """
    authenticated: ActiveKey | None = getattr(request, "api_key", None)
    if authenticated is not None:
        return authenticated
    header = AUTHORIZATION.fullmatch(request.META.get("HTTP_AUTHORIZATION", ""))
    if header is None or not is_well_formed(header[1]):
        return None
    look_ups.begin()  # it ends with the look-up of the limit, where the gate goes on
    return find_key(digest(header[1]))


class ApiKeyAuth(HttpAuthBase):
    """Lets an operation run for requests with an active key only."""

    openapi_scheme = "bearer"
    openapi_bearerFormat = "ic_ and 44 URL-safe characters"  # noqa: N815 (as OpenAPI spells it)

    def __call__(self, request: HttpRequest) -> ActiveKey | None:
        api_key = authenticate(request)
        return api_key if isinstance(api_key, ActiveKey) else None


class OwnerAuth(APIKeyCookie):
    """Authenticates the signed-in account owner by session cookie, and checks the CSRF token.

    With `fresh` it raises SignInTooOld unless the person has signed in recently.
    """

    def __init__(self, cookie_name: str, *, fresh: bool = False) -> None:
        self.param_name = cookie_name
        self.fresh = fresh
        super().__init__()

    def __call__(self, request: HttpRequest) -> Any:
        if not request.user.is_authenticated:
            return None
        return super().__call__(request)

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        if self.fresh:
            require_fresh_sign_in(request)
        return request.user
