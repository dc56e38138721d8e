"""Dashboard → Overview: what happened in the last 30 days, and what wants attention."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Max
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apikeys.activity import calls_by_day
from apikeys.lookup import window_of
from apikeys.models import ApiKey
from chatbots.daily import Answers, Messages, answers_of_account
from chatbots.models import Chatbot, Conversation
from chatbots.progress import Progress
from chatbots.quota import usage_of
from chatbots.work import Work, work_for_owner
from core.charts import Sparkline, daily_line
from core.http import OwnerRequest
from core.templatetags.moments import relative
from ratelimit.limiter import limiter_for
from securitylog.models import SecurityEvent

CHATBOTS_SHOWN = 8
EVENTS_SHOWN = 5
ALERTS_SHOWN = 6
ENDS_SOON = timedelta(days=14)
UNUSED = timedelta(days=90)


@require_safe
@never_cache
@login_required
def show_overview(request: OwnerRequest) -> HttpResponse:
    owner_id = request.user.id
    owned = Chatbot.objects.owned_by(owner_id)
    chatbots = list(owned.with_source_counts().only("name", "is_active"))
    api_keys = list(ApiKey.objects.owned_by(owner_id).active())
    answers = answers_of_account(owner_id)
    steps = first_steps(chatbots, answers.by_chatbot, *keys_ever(owner_id, api_keys))
    next_step = next((step for step in steps if not step.is_done), None)
    daily = Daily(calls_by_day(owner_id), answers.by_day)
    work = work_for_owner(owner_id)
    context = {
        "steps": steps,
        "next_step": next_step,
        "daily": daily,
        "usage": usage_of(owner_id),
        "chatbots": busiest_first(chatbots, answers.by_chatbot, work),
        "work": work,
        "chatbot_count": len(chatbots),
        "alerts": alerts(api_keys, request.user.plan.requests_per_minute),
        "active_keys": len(api_keys),
        "events": SecurityEvent.objects.owned_by(owner_id)[:EVENTS_SHOWN],
        "section": "overview",
    }
    return render(request, "insitechat/overview.html", context)


@dataclass(frozen=True)
class Daily:
    """The calls and answers of each of the last 30 days, today last."""

    calls: Sequence[int]
    answers: Sequence[Answers]

    @cached_property
    def total(self) -> Answers:
        """Return the answers of all days together."""
        return Answers(
            sum(day.answered for day in self.answers), sum(day.fallback for day in self.answers)
        )

    @property
    def total_calls(self) -> int:
        return sum(self.calls)

    @property
    def share(self) -> int | None:
        """Return how many of a hundred messages were answered; None where there were none."""
        return percentage(self.total)

    @property
    def is_empty(self) -> bool:
        return not self.total_calls and not self.total.total

    @property
    def calls_line(self) -> Sparkline:
        return daily_line("API calls", self.calls)

    @property
    def messages_line(self) -> Sparkline:
        return daily_line("Messages", [day.total for day in self.answers])

    @property
    def share_line(self) -> Sparkline:
        """Return the line of the share; a day without messages repeats the day before it."""
        shares: list[int] = []
        for day in self.answers:
            shares.append(percentage(day) or (shares[-1] if shares and not day.total else 0))
        return daily_line("Percent answered", shares)


def percentage(answers: Answers) -> int | None:
    return round(100 * answers.answered / answers.total) if answers.total else None


class Step(NamedTuple):
    """Something that a newcomer does on the way to the first answer by the API."""

    label: str
    hint: str
    action: str
    url: str
    is_done: bool


def keys_ever(owner_id: uuid.UUID, active: Sequence[ApiKey]) -> tuple[bool, bool]:
    """Say whether the account has ever had a key, and whether it has called with one."""
    if any(api_key.last_used_at for api_key in active):
        return True, True
    ever = ApiKey.objects.owned_by(owner_id).aggregate(Count("id"), Max("last_used_at"))
    return bool(ever["id__count"]), bool(ever["last_used_at__max"])


def first_steps(
    chatbots: Sequence[Chatbot],
    messages: Mapping[uuid.UUID, Messages],
    has_key: bool,
    has_called: bool,
) -> list[Step]:
    """Return the steps in their order, each done if what it leads to is really there."""
    latest = chatbots[-1] if chatbots else None
    is_taught = any(chatbot.source_count for chatbot in chatbots)
    is_tried = is_taught and have_answered(chatbots, messages)
    create = reverse("chatbot-create")
    return [
        Step("Create a chatbot", "All it takes is a name.", "Create chatbot", create, bool(latest)),
        Step(
            "Teach it something",
            "It answers from what you give it: a text, or a question with its answer.",
            "Add a text",
            reverse("source-add-text", args=[latest.id]) if latest else create,
            is_taught,
        ),
        Step(
            "Try it",
            "Ask it as a visitor would.",
            "Open the playground",
            reverse("chatbot-playground", args=[latest.id]) if latest else create,
            is_tried,
        ),
        Step(
            "Create an API key",
            "A program calls your chatbots with it.",
            "Create API Key",
            reverse("api-key-create"),
            has_key,
        ),
        Step(
            "Make the first call",
            "The page that shows a new key has a command ready to paste.",
            "See the API docs",
            reverse("api:openapi-view"),
            has_called,
        ),
    ]


def have_answered(chatbots: Sequence[Chatbot], messages: Mapping[uuid.UUID, Messages]) -> bool:
    if any(chatbot.id in messages for chatbot in chatbots):
        return True
    return Conversation.objects.filter(chatbot__in=chatbots).exists()


class ListedChatbot(NamedTuple):
    chatbot: Chatbot
    messages: Messages
    doing: Progress | None  # what a worker does for it


def busiest_first(
    chatbots: Sequence[Chatbot], messages: Mapping[uuid.UUID, Messages], work: Work
) -> list[ListedChatbot]:
    """Return the chatbots that are learning, then those with the most messages.

    They are CHATBOTS_SHOWN at most.
    """
    listed = [
        ListedChatbot(chatbot, messages.get(chatbot.id, Messages()), work.on_chatbot(chatbot.id))
        for chatbot in chatbots
    ]
    listed.sort(key=lambda row: (row.doing is None, -row.messages.recent))
    return listed[:CHATBOTS_SHOWN]


class Alert(NamedTuple):
    """A key that wants attention, and why."""

    api_key: ApiKey
    reason: str


def alerts(api_keys: Sequence[ApiKey], requests_per_minute: int) -> list[Alert]:
    """Return the keys at their limit now, then those that end soon, then those nobody uses."""
    windows = [window_of(api_key.id, requests_per_minute) for api_key in api_keys]
    counts = limiter_for(settings.REDIS_URL).counts(windows)
    now = timezone.now()
    found = [
        *(
            Alert(api_key, f"is at its limit now: {count:,} of {limit.requests:,} calls")
            for api_key, count, (_, limit) in zip(api_keys, counts, windows, strict=True)
            if count >= limit.requests
        ),
        *(
            Alert(api_key, f"ends {relative(api_key.expires_at)}")
            for api_key in api_keys
            if api_key.expires_at and api_key.expires_at < now + ENDS_SOON
        ),
        *(
            Alert(api_key, unused_since(api_key))
            for api_key in api_keys
            if last_sign_of_life(api_key) < now - UNUSED
        ),
    ]
    return found[:ALERTS_SHOWN]


def last_sign_of_life(api_key: ApiKey) -> datetime:
    return api_key.last_used_at or api_key.created_at


def unused_since(api_key: ApiKey) -> str:
    when = relative(last_sign_of_life(api_key))
    return f"was last used {when}" if api_key.last_used_at else f"was never used; created {when}"
