import hashlib
import secrets

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from ninja import NinjaAPI, Status
from ninja.errors import HttpError
from ninja.security import HttpBearer
from ninja.throttling import AuthRateThrottle

from benchmarks.peers.stock.models import Chatbot
from benchmarks.peers.stock.schemas import ChatbotOut
from benchmarks.peers.usual.models import ApiKey


class ApiKeyAuth(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        digest = hashlib.sha256(token.encode()).hexdigest()
        try:
            api_key = ApiKey.objects.get(digest=digest, revoked_at=None)
        except ApiKey.DoesNotExist:
            return None
        api_key.last_used_at = timezone.now()
        api_key.save(update_fields=["last_used_at"])
        return api_key


api = NinjaAPI(auth=ApiKeyAuth(), throttle=[AuthRateThrottle(settings.RATE)])


@api.get("/chatbots", response=list[ChatbotOut])
def list_chatbots(request: HttpRequest) -> QuerySet[Chatbot]:
    return Chatbot.objects.filter(owner_id=request.auth.owner_id, deleted_at=None)


# Open to anybody: these endpoints exist only to measure their races.
@api.post("/accounts/{owner_id}/api-keys", response={201: None}, auth=None, throttle=[])
def create_api_key(request: HttpRequest, owner_id: int) -> Status[None]:
    if ApiKey.objects.filter(owner_id=owner_id, revoked_at=None).count() >= 5:
        raise HttpError(400, "Maximum 5 active API keys allowed.")
    digest = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
    ApiKey.objects.create(owner_id=owner_id, name="x", digest=digest)
    return Status(201, None)


@api.delete("/accounts/{owner_id}/api-keys", response={204: None}, auth=None, throttle=[])
def revoke_api_key(request: HttpRequest, owner_id: int) -> Status[None]:
    api_key = get_object_or_404(ApiKey, owner_id=owner_id)
    api_key.revoked_at = timezone.now()
    api_key.save(update_fields=["revoked_at"])
    return Status(204, None)


urlpatterns = [path("api/v1/", api.urls)]
