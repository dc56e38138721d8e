import json
import uuid

from django.http import HttpRequest, HttpResponse
from django.urls import path

BODY = json.dumps(
    [
        {
            "id": str(uuid.uuid4()),
            "name": f"Chatbot {number}",
            "slug": f"chatbot-{number}",
            "provider": "builtin",
            "is_active": True,
            "created_at": "2026-03-15T10:30:00.123456+00:00",
        }
        for number in range(3)
    ]
).encode()


def chatbots(request: HttpRequest) -> HttpResponse:
    return HttpResponse(BODY, content_type="application/json")


urlpatterns = [path("api/v1/chatbots", chatbots)]
