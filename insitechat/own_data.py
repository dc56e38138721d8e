"""Everything that an account owns, as it may take it along."""

from collections.abc import Iterable
from typing import Any

from allauth.usersessions.models import UserSession

from accounts.models import SecurityEvent, User
from apikeys.models import ApiKey, HourlyCalls
from chatbots.models import Chatbot, Source

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
PLAN_FIELDS = ("name", "monthly_messages", "requests_per_minute", "max_active_api_keys")


def collect(owner: User) -> dict[str, Any]:
    """Return it ready for JSON. Of API keys only what their owner can see anyway."""
    chatbots = Chatbot.objects.owned_by(owner.id).prefetch_related(
        "message_usage", "sources", "conversations__messages"
    )
    return {
        "profile": {"id": owner.id, "email": owner.email, "created_at": owner.created_at},
        "plan": fields_of(owner.plan, PLAN_FIELDS),
        "messages_used": list(owner.message_usage.order_by("month").values("month", "used")),
        "api_keys": list(ApiKey.objects.owned_by(owner.id).values(*API_KEY_FIELDS)),
        "calls_by_hour": list(
            HourlyCalls.objects.filter(api_key__owner=owner).values(*CALLS_FIELDS)
        ),
        "chatbots": [chatbot_data(chatbot) for chatbot in chatbots],
        "sessions": list(
            UserSession.objects.filter(user=owner).values("created_at", "ip", "user_agent")
        ),
        "security_log": [event_data(event) for event in SecurityEvent.objects.owned_by(owner.id)],
    }


def counts(owner: User) -> dict[str, int]:
    """Return how much of what would go with the account."""
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
                    fields_of(message, ("role", "text", "created_at"))
                    for message in conversation.messages.all()
                ],
            }
            for conversation in chatbot.conversations.all()
        ],
    }


def event_data(event: SecurityEvent) -> dict[str, Any]:
    """Return what the security log's page says of the event; not where staff were."""
    place = {} if event.actor == "staff" else fields_of(event, ("ip_address", "user_agent"))
    return {"at": event.created_at, "what": event.sentence, "who": event.actor, **place}


def fields_of(row: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
