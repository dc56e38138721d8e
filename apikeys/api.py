"""API keys as JSON: for the signed-in owner, and for who finds one. A key cannot manage keys."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from ninja import Router, Status

from apikeys.auth import OwnerAuth
from apikeys.found import revoke_found_key
from apikeys.models import ApiKey
from apikeys.schemas import ApiKeyIn, ApiKeyOut, CreatedApiKeyOut, FoundKeyIn, FoundKeyOut
from apikeys.services import create_api_key as create
from apikeys.services import revoke_api_key as revoke
from apikeys.throttling import AccountThrottle, AddressThrottle
from core import paging
from core.http import OwnerRequest
from ratelimit.limits import Limit

COOKIE = settings.SESSION_COOKIE_NAME
CREATION_REFUSED = "The CSRF token is missing or wrong, or the sign-in is too old: sign in again."

# Far more than a person needs, and little enough to keep a script from filling the tables.
LIMIT = Limit(60)

router = Router(auth=OwnerAuth(COOKIE), throttle=AccountThrottle(LIMIT), tags=["API keys"])
public_router = Router(auth=None, throttle=AddressThrottle(LIMIT), tags=["API keys"])

# The same for every text, so that it tells nothing of it.
THANKS = "Thank you. If this is an active API key, it is revoked now and its owner is told."


@router.get("", response=list[ApiKeyOut], openapi_extra=paging.OPENAPI)
def list_api_keys(request: OwnerRequest, response: HttpResponse) -> Iterable[ApiKey]:
    """List the account's keys, newest first, including those that are revoked or expired."""
    return paging.paginate(ApiKey.objects.owned_by(request.user.id), request, response)


@router.post(
    "",
    response={201: CreatedApiKeyOut},
    auth=OwnerAuth(COOKIE, fresh=True),
    openapi_extra={"responses": {403: {"description": CREATION_REFUSED}}},
)
def create_api_key(request: OwnerRequest, payload: ApiKeyIn) -> Status[dict[str, Any]]:
    """Create a key. The answer holds the full key, which is never shown again."""
    created = create(request.user, payload.name)
    shown = ApiKeyOut.from_orm(created.api_key).dict()
    return Status(201, {**shown, "key": created.token.plaintext})


@router.delete("/{key_id}", response={204: None})
def revoke_api_key(request: OwnerRequest, key_id: str) -> Status[None]:
    """Revoke a key for good. Requests with it answer 401 from then on."""
    revoke(request.user.id, key_id)
    return Status(204, None)


@public_router.post("/found", response=FoundKeyOut)
def report_found_key(
    request: HttpRequest, response: HttpResponse, payload: FoundKeyIn
) -> dict[str, str]:
    """Revoke a key that was found in public, and tell its owner. Needs no key of one's own."""
    revoke_found_key(payload.key.get_secret_value())
    patch_vary_headers(response, ["Cookie"])  # as if an event had been logged, which names the user
    return {"detail": THANKS}
