from django.db.models import QuerySet
from django.urls import path
from rest_framework.decorators import api_view, permission_classes, throttle_classes
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer

from benchmarks.peers.rest.models import OwnersKey
from benchmarks.peers.rest.permissions import HasOwnersKey
from benchmarks.peers.stock.models import Chatbot


class ChatbotSerializer(ModelSerializer):
    class Meta:
        model = Chatbot
        fields = ("id", "name", "slug", "provider", "is_active", "created_at")


class Chatbots(ListAPIView):
    serializer_class = ChatbotSerializer

    def get_queryset(self) -> QuerySet[Chatbot]:
        try:
            api_key = OwnersKey.objects.get_from_key(HasOwnersKey().get_key(self.request))
        except OwnersKey.DoesNotExist as error:  # revoked after the permission was checked
            raise PermissionDenied from error
        return Chatbot.objects.filter(owner_id=api_key.owner_id, deleted_at=None)


# Open to anybody: these endpoints exist only to measure their races.
@api_view(["POST", "DELETE"])
@permission_classes([])
@throttle_classes([])
def api_keys(request: Request, owner_id: int) -> Response:
    active = OwnersKey.objects.filter(owner_id=owner_id, revoked=False)
    if request.method == "DELETE":
        active.update(revoked=True)
        return Response(status=204)
    if active.count() >= 5:
        return Response({"detail": "Maximum 5 active API keys allowed."}, status=400)
    OwnersKey.objects.create_key(owner_id=owner_id, name="x")
    return Response(status=201)


urlpatterns = [
    path("api/v1/chatbots", Chatbots.as_view()),
    path("api/v1/accounts/<int:owner_id>/api-keys", api_keys),
]
