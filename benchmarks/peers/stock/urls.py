import os

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import path
from ninja import NinjaAPI

from benchmarks.peers.stock.models import Chatbot
from benchmarks.peers.stock.schemas import ChatbotOut

OWNER_ID = int(os.environ.get("OWNER_ID", "1"))
api = NinjaAPI()


@api.get("/chatbots", response=list[ChatbotOut])
def list_chatbots(request: HttpRequest) -> QuerySet[Chatbot]:
    return Chatbot.objects.filter(owner_id=OWNER_ID, deleted_at=None)


urlpatterns = [path("api/v1/", api.urls)]
