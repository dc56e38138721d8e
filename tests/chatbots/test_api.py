import re
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot, Source
from chatbots.schemas import ChatbotListed
from chatbots.services import create_chatbot
from tests.conftest import ApiClient, detail, statements_sent

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


def test_chatbots_are_listed_oldest_first(api: ApiClient, alice: User) -> None:
    first, second = create_chatbot(alice, "First"), create_chatbot(alice, "Second")
    response = api.get("/chatbots")
    assert response.headers["Content-Type"] == "application/json"
    listed = response.json()
    assert [chatbot["id"] for chatbot in listed] == [str(first.id), str(second.id)]
    assert list(listed[0]) == ["id", "name", "slug", "provider", "is_active", "created_at"]
    assert listed[0]["name"] == "First"
    assert listed[0]["slug"] == "first"
    assert listed[0]["provider"] == "builtin"
    assert listed[0]["is_active"] is True
    assert INSTANT.fullmatch(listed[0]["created_at"])


def test_times_keep_their_microseconds_when_they_are_zero(api: ApiClient, chatbot: Chatbot) -> None:
    Chatbot.objects.update(created_at=timezone.now().replace(microsecond=0))
    assert api.get("/chatbots").json()[0]["created_at"].endswith(".000000+00:00")


def test_an_account_without_chatbots_gets_an_empty_array(api: ApiClient) -> None:
    assert api.get("/chatbots").content == b"[]"


def test_a_chatbots_detail(api: ApiClient, chatbot: Chatbot) -> None:
    body = api.get(f"/chatbots/{chatbot.id}").json()
    assert body == {
        "id": str(chatbot.id),
        "name": "Shop",
        "slug": "shop",
        "provider": "builtin",
        "is_active": True,
        "created_at": chatbot.created_at.isoformat(timespec="microseconds"),
        "system_prompt": "",
        "fallback_message": chatbot.fallback_message,
    }


def test_ids_are_found_in_any_case(api: ApiClient, chatbot: Chatbot) -> None:
    assert api.get(f"/chatbots/{str(chatbot.id).upper()}").status_code == 200


def test_sources_are_listed_newest_first(api: ApiClient, chatbot: Chatbot) -> None:
    add_text_source(chatbot, "", "Newer text.")
    Source.objects.create(
        chatbot=chatbot,
        type=Source.Type.URL,
        title="Site",
        url="https://example.org/",
        page_count=3,
        created_at=timezone.now() + timedelta(seconds=1),
    )
    listed = api.get(f"/chatbots/{chatbot.id}/sources").json()
    assert list(listed[0]) == ["id", "type", "title", "url", "status", "page_count", "created_at"]
    assert [
        (source["type"], source["title"], source["url"], source["status"]) for source in listed
    ] == [
        ("url", "Site", "https://example.org/", "pending"),
        ("text", "", "", "done"),
        ("text", "Rules", "", "done"),
    ]
    assert [source["page_count"] for source in listed] == [3, 0, 0]
    assert INSTANT.fullmatch(listed[0]["created_at"])
    assert api.get(f"/chatbots/{chatbot.id}/sources?limit=100").json() == listed


def test_a_paused_chatbot_is_listed_and_does_not_chat(api: ApiClient, chatbot: Chatbot) -> None:
    Chatbot.objects.update(is_active=False)
    assert api.get("/chatbots").json()[0]["is_active"] is False
    assert api.get(f"/chatbots/{chatbot.id}").status_code == 200
    assert api.get(f"/chatbots/{chatbot.id}/sources").status_code == 200
    response = api.post(f"/chatbots/{chatbot.id}/chat", {"message": "Hello"})
    assert response.status_code == 400
    assert response.content == b'{"detail": "Chatbot is paused."}'


def every_endpoint(api: ApiClient, chatbot_id: object) -> list[Any]:
    return [
        api.get(f"/chatbots/{chatbot_id}"),
        api.get(f"/chatbots/{chatbot_id}/sources"),
        api.post(f"/chatbots/{chatbot_id}/chat", {"message": "Do you ship to Norway?"}),
    ]


def test_deleted_chatbots_are_left_out_everywhere(api: ApiClient, chatbot: Chatbot) -> None:
    Chatbot.objects.all().soft_delete()
    assert api.get("/chatbots").json() == []
    assert [response.status_code for response in every_endpoint(api, chatbot.id)] == [404] * 3


def test_deleted_sources_are_left_out_everywhere(api: ApiClient, chatbot: Chatbot) -> None:
    chatbot.sources.all().soft_delete()
    assert api.get(f"/chatbots/{chatbot.id}/sources").json() == []
    answer = api.post(f"/chatbots/{chatbot.id}/chat", {"message": "Do you ship to Norway?"})
    assert answer.json() == {"response": chatbot.fallback_message}


def test_a_stranger_finds_nothing(strangers_api: ApiClient, chatbot: Chatbot) -> None:
    assert strangers_api.get("/chatbots").json() == []
    for response in every_endpoint(strangers_api, chatbot.id):
        assert response.status_code == 404
        assert detail(response) == "Not Found"


@pytest.mark.parametrize("chatbot_id", [uuid.UUID(int=0), "1", "nonsense", "%00", "é", "x" * 1000])
def test_what_is_no_chatbot_is_not_found(api: ApiClient, chatbot_id: object) -> None:
    for response in every_endpoint(api, chatbot_id):
        assert response.status_code == 404
        assert detail(response) == "Not Found"


@pytest.mark.parametrize("moment", ["2026-03-15T10:30:00+02:00", "2026-03-15T10:30:00.12+00:00"])
def test_the_list_shows_what_the_schema_says(api: ApiClient, alice: User, moment: str) -> None:
    for name in ('Quotes " and \\', "Ünïcödé 店 </script>", "\u2028"):
        create_chatbot(alice, name)
    Chatbot.objects.update(created_at=datetime.fromisoformat(moment))
    chatbots = Chatbot.objects.owned_by(alice.id)
    listed = [ChatbotListed.from_orm(chatbot).model_dump() for chatbot in chatbots]
    response = api.get("/chatbots")
    assert [ChatbotListed(**chatbot).model_dump() for chatbot in response.json()] == listed
    assert all(set(chatbot) == set(ChatbotListed.model_fields) for chatbot in response.json())
    assert all(INSTANT.fullmatch(chatbot["created_at"]) for chatbot in response.json())


def test_an_account_without_chatbots_gets_an_empty_list(api: ApiClient) -> None:
    assert api.get("/chatbots").content == b"[]"


def test_lists_cost_one_statement_however_long(api: ApiClient, alice: User) -> None:
    for number in range(20):
        create_chatbot(alice, f"Bot {number}")
    with statements_sent() as statements:
        assert len(api.get("/chatbots").json()) == 20
    assert len(statements) == 2  # the gate's and the list's


def test_slugs_are_their_owners_alone(alice: User, stranger: User) -> None:
    slugs = [create_chatbot(alice, name).slug for name in ("My Shop", "my shop", "店", "店")]
    assert slugs == ["my-shop", "my-shop-2", "chatbot", "chatbot-2"]
    assert create_chatbot(stranger, "My Shop").slug == "my-shop"


def test_a_name_whose_slug_grows_still_fits(alice: User) -> None:
    assert [len(create_chatbot(alice, "㎨" * 100).slug) for _ in range(2)] == [100, 102]


def test_what_is_wrong_with_a_chatbot_but_its_slug_is_said(alice: User) -> None:
    with pytest.raises(IntegrityError):
        create_chatbot(alice, "Shop", provider=None)  # type: ignore[arg-type]
