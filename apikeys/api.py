"""Managing one's API keys as JSON; for the signed-in owner, never for a key."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Router, Status

from accounts.models import User
from apikeys.auth import OwnerAuth
from apikeys.models import ApiKey
from apikeys.schemas import ApiKeyIn, ApiKeyOut, CreatedApiKeyOut
from apikeys.services import create_api_key as create
from apikeys.services import revoke_api_key as revoke

router = Router(auth=OwnerAuth(settings.SESSION_COOKIE_NAME), tags=["API keys"])


class OwnerRequest(HttpRequest):
    auth: User


@router.get("", response=list[ApiKeyOut])
def list_api_keys(request: OwnerRequest) -> QuerySet[ApiKey]:
    """List the account's keys, newest first, revoked ones too."""
    return ApiKey.objects.owned_by(request.auth.id)


@router.post("", response={201: CreatedApiKeyOut})
def create_api_key(request: OwnerRequest, payload: ApiKeyIn) -> Status[dict[str, Any]]:
    """Create a key and show it, this once."""
    created = create(request.auth, payload.name)
    shown = ApiKeyOut.from_orm(created.api_key).dict()
    return Status(201, {**shown, "key": created.token.plaintext})


@router.delete("/{key_id}", response={204: None})
def revoke_api_key(request: OwnerRequest, key_id: str) -> Status[None]:
    """Revoke a key for good; any later request with it answers 401. Again changes nothing."""
    revoke(request.auth.id, key_id)
    return Status(204, None)
