"""Everything that an account owns, as its owner may download it."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from allauth.usersessions.models import UserSession
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import prefetch_related_objects

from accounts.models import User
from apikeys.models import ApiKey, HourlyCalls
from chatbots.models import Chatbot, Source
from securitylog.models import SecurityEvent
from securitylog.origin import Actor

API_KEY_FIELDS = (
    *("id", "name", "prefix", "created_at", "expires_at", "revoked_at"),
    *("first_used_at", "last_used_at", "rejected_count", "last_rejected_at"),
)
CALLS_FIELDS = ("api_key_id", "hour", "status", "count")
CHATBOT_FIELDS = (
    *("id", "name", "slug", "provider", "system_prompt", "fallback_message"),
    *("is_active", "created_at"),
)
SOURCE_FIELDS = ("id", "type", "title", "url", "text", "status", "page_count", "created_at")
PLAN_FIELDS = (
    *("name", "monthly_messages", "requests_per_minute"),
    *("max_active_api_keys", "max_api_keys", "max_chatbots", "max_sources"),
    *("max_pages_per_source", "max_file_megabytes"),
)


def as_json(owner: User) -> Iterator[str]:
    """Yield the account's data as JSON, piece by piece. API keys appear as on their pages."""
    yield "{"
    for name, value in account_data(owner).items():
        yield f"{encode(name)}: {encode(value)},\n"
    yield '"chatbots": ['
    for number, chatbot in enumerate(Chatbot.objects.owned_by(owner.id)):
        yield ",\n" if number else "\n"
        # Of one chatbot at a time all is in memory.
        prefetch_related_objects([chatbot], "message_usage", "sources", "conversations__messages")
        yield encode(chatbot_data(chatbot))
        chatbot._prefetched_objects_cache.clear()
    yield "]}\n"


def encode(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)


def account_data(owner: User) -> dict[str, Any]:
    return {
        "profile": {"id": owner.id, "email": owner.email, "created_at": owner.created_at},
        "plan": fields_of(owner.plan, PLAN_FIELDS),
        "messages_used": list(owner.message_usage.order_by("month").values("month", "used")),
        "api_keys": list(ApiKey.objects.owned_by(owner.id).values(*API_KEY_FIELDS)),
        "calls_by_hour": list(
            HourlyCalls.objects.filter(api_key__owner=owner).values(*CALLS_FIELDS)
        ),
        "sessions": list(
            UserSession.objects.filter(user=owner).values("created_at", "ip", "user_agent")
        ),
        "security_log": [event_data(event) for event in SecurityEvent.objects.owned_by(owner.id)],
    }


def counts(owner: User) -> dict[str, int]:
    """Return how many of each thing would be deleted with the account."""
    chatbots = Chatbot.objects.owned_by(owner.id)
    return {
        "chatbots": chatbots.count(),
        "sources": Source.objects.alive().filter(chatbot__in=chatbots).count(),
        "api_keys": ApiKey.objects.owned_by(owner.id).active().count(),
    }


def chatbot_data(chatbot: Chatbot) -> dict[str, Any]:
    return {
        **fields_of(chatbot, CHATBOT_FIELDS),
        "message_usage": [
            fields_of(usage, ("month", "used")) for usage in chatbot.message_usage.all()
        ],
        "sources": [
            fields_of(source, SOURCE_FIELDS)
            for source in chatbot.sources.all()
            if source.deleted_at is None
        ],
        "conversations": [
            {
                **fields_of(conversation, ("session_id", "created_at", "last_message_at")),
                "messages": [
                    fields_of(message, ("role", "text", "is_complete", "rating", "created_at"))
                    for message in conversation.messages.all()
                ],
            }
            for conversation in chatbot.conversations.all()
        ],
    }


def event_data(event: SecurityEvent) -> dict[str, Any]:
    """Return what the security log's page shows of the event; hides where staff acted from."""
    place = {} if event.actor == Actor.STAFF else fields_of(event, ("ip_address", "user_agent"))
    return {"at": event.created_at, "what": event.sentence, "who": event.actor, **place}


def fields_of(row: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
