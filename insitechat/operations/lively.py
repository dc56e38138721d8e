"""Thirty believable days for the demo account: visitors, programs, and what they left behind."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from django.db import transaction
from django.utils import timezone

from accounts.models import Plan, User
from apikeys import tokens
from apikeys.models import ApiKey
from apikeys.security_events import API_KEY_CREATED, API_KEY_REVOKED
from apikeys.usage_rows import Answers, Calls, write_calls
from chatbots.knowledge.teaching import add_pair_source, add_text_source
from chatbots.models import (
    Chatbot,
    ChatbotMessageUsage,
    Chunk,
    Conversation,
    DailyAnswers,
    Message,
    MessageUsage,
)
from chatbots.quota import current_month
from chatbots.retrieval.scoring import THRESHOLD
from chatbots.services import create_chatbot
from securitylog.kinds import Kind
from securitylog.models import SecurityEvent
from securitylog.origin import Actor
from securitylog.security_events import SIGN_IN_FAILED, SIGNED_IN

DAYS = 30
HOUR = timedelta(hours=1)
SEED = 20
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True)
class Topic:
    """A question that visitors ask, as some of them put it, and what they are told."""

    questions: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Subject:
    """A chatbot of the demo: what it knows, and how many questions come on a weekday."""

    name: str
    per_day: int
    topics: tuple[Topic, ...]
    unanswered: tuple[str, ...]
    is_active: bool = True


SUBJECTS = (
    Subject(
        "Northwind shop",
        34,
        (
            Topic(
                ("Do you ship to Norway?", "shipping to norway", "Can I order from Oslo?"),
                "Yes. We ship to Norway, Sweden and Denmark; parcels arrive within three working"
                " days. Orders over 50 euros ship free of charge.",
            ),
            Topic(
                ("How long can I return something?", "return policy", "I want to send it back"),
                "You can return any unused item within 30 days of delivery. The refund reaches the"
                " original payment method within five business days.",
            ),
            Topic(
                ("What size should I take?", "Do the boots run small?"),
                "The boots run half a size small: between two sizes, take the larger one. Jackets"
                " fit as usual.",
            ),
            Topic(
                ("Can I pay by invoice?", "Which cards do you take?", "paypal?"),
                "We take Visa, Mastercard, PayPal and, inside the EU, payment by invoice within"
                " 14 days.",
            ),
            Topic(
                ("Where is my parcel?", "track my order", "My order has not arrived"),
                "The tracking link is in the e-mail that we send when a parcel leaves us. It is"
                " updated once the carrier has scanned it, usually the same evening.",
            ),
        ),
        (
            *("Do you have a shop in Lisbon?", "Can I get a gift card?", "gift card available?"),
            *("Do you sell gift cards?", "Is the tent sold used?"),
        ),
    ),
    Subject(
        "Developer docs",
        19,
        (
            Topic(
                ("How many requests may a key make?", "rate limit?", "why do I get a 429"),
                "Each key may make 60 requests in any rolling 60 seconds. Beyond that the answer is"
                " status 429; refused calls take no place in the window.",
            ),
            Topic(
                ("How do I rotate a key?", "Can two keys work at the same time?"),
                "Choose “Rotate” beside the key. Its successor works at once, and the old key goes"
                " on working for the time that you choose.",
            ),
            Topic(
                ("How do I send a session id?", "keep the context of a conversation"),
                "Send `session_id` with each message. The last ten turns of that session are the"
                " history of the next answer.",
            ),
        ),
        ("Is there a Go client?", "Can I get webhooks?"),
    ),
    Subject(
        "Staff handbook",
        7,
        (
            Topic(
                ("How many days of leave do I have?", "holiday allowance"),
                "28 days a year, of which up to five may be carried over until the end of March.",
            ),
            Topic(
                ("Who approves expenses?", "expense report deadline"),
                "Your team lead does. Hand reports in by the 5th of the next month.",
            ),
        ),
        ("Can I bring my dog?",),
    ),
    Subject("Summer campaign", 0, (), (), is_active=False),
)


@dataclass(frozen=True)
class Traffic:
    """The calls of a key: how many in the busiest hour, and how many of a hundred go wrong."""

    key_name: str
    per_hour: int
    limited_percent: float
    failed_percent: float
    calls_at_night: bool = False


TRAFFIC = (
    Traffic("Website widget", 260, 1.2, 0.2),
    Traffic("Mobile app", 120, 0.0, 0.1),
    Traffic("Nightly sync", 90, 6.0, 0.0, calls_at_night=True),
)


@transaction.atomic
def enliven(owner: User) -> None:
    """Add chatbots, keys and thirty days of what they did to an account."""
    random = Random(SEED)
    owner.plan, _ = Plan.objects.get_or_create(
        name="Team", defaults={"monthly_messages": 5000, "max_active_api_keys": 5}
    )
    owner.save(update_fields=["plan"])
    began = timezone.now() - timedelta(days=DAYS + 60)
    for position, subject in enumerate(SUBJECTS):
        chatbot = create_subject(owner, subject, began + timedelta(days=position))
        if subject.topics:
            add_conversations(random, chatbot, subject)
    add_usage(owner)
    add_former_key(owner, began)
    for traffic in TRAFFIC:
        add_key(random, owner, traffic, began)
    now = timezone.now()
    create_key(owner, "Contractor", now - timedelta(days=20), expires_at=now + timedelta(days=6))
    add_sign_ins(owner)


def create_subject(owner: User, subject: Subject, created_at: datetime) -> Chatbot:
    chatbot = create_chatbot(owner, subject.name)
    Chatbot.objects.filter(pk=chatbot.pk).update(created_at=created_at, is_active=subject.is_active)
    text = "\n\n".join(f"# {topic.questions[0]}\n\n{topic.answer}" for topic in subject.topics)
    add_text_source(chatbot, "What we tell people", text or "# Summer\n\nAll tents: 20 % off.")
    if subject.topics:
        add_text_source(chatbot, "Imprint", "# Imprint\n\nWe are a company in Bergen, Norway.")
    for topic in subject.topics:
        add_pair_source(chatbot, topic.questions[0], topic.answer)
    return chatbot


def bustle(moment: datetime) -> float:
    """Return how busy an hour is, from 0 to 1: days are busier than nights, and than weekends."""
    time_of_day = max(math.sin(math.pi * (moment.hour - 5) / 17), 0.04)
    return time_of_day * (0.45 if moment.weekday() >= 5 else 1.0)


def hours() -> Iterator[datetime]:
    """Yield the last thirty days hour by hour, up to the last full one."""
    now = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = now.replace(hour=0) - timedelta(days=DAYS - 1)
    while first < now:
        yield first
        first += HOUR


def add_conversations(random: Random, chatbot: Chatbot, subject: Subject) -> None:
    """Let visitors come hour by hour, each with one to four questions."""
    conversations: list[Conversation] = []
    messages: list[Message] = []
    passages = passages_by_question(chatbot)
    busy_hours = 7.5  # what `bustle` adds up to over a weekday
    for hour in hours():
        growth = 0.7 + 0.3 * (hour - timezone.now() + timedelta(days=DAYS)).days / DAYS
        expected = subject.per_day / 2 / busy_hours * bustle(hour) * growth
        for _ in range(poisson(random, expected)):
            began = hour + random.random() * HOUR
            conversation = Conversation(
                chatbot=chatbot, session_id=f"visitor-{random.getrandbits(32):08x}"
            )
            turns = list(ask(random, subject, conversation, began, passages))
            conversation.created_at = began
            conversation.last_message_at = turns[-1].created_at
            if hour < timezone.now() - timedelta(days=2):
                conversation.read_at = conversation.last_message_at + HOUR
            conversations.append(conversation)
            messages += turns
    Conversation.objects.bulk_create(conversations, 1000)
    Message.objects.bulk_create(sorted(messages, key=lambda message: message.created_at), 1000)
    count_days(chatbot, messages)


def passages_by_question(chatbot: Chatbot) -> Mapping[str, list[tuple[int, str]]]:
    """Return the chunks, and their sources, that stand under a topic's first question."""
    found: dict[str, list[tuple[int, str]]] = {}
    for chunk in Chunk.objects.filter(page__chatbot=chatbot).select_related("page"):
        for heading in chunk.headings[-1:]:
            found.setdefault(heading, []).append((chunk.pk, str(chunk.page.source_id)))
    return found


def ask(
    random: Random,
    subject: Subject,
    conversation: Conversation,
    at: datetime,
    passages: Mapping[str, list[tuple[int, str]]],
) -> Iterator[Message]:
    for _ in range(random.choice((1, 1, 2, 2, 3, 4))):
        is_fallback = random.random() < 0.07
        found: list[tuple[int, str]] = []
        if is_fallback:
            question = random.choice(subject.unanswered)
            answer = conversation.chatbot.fallback_message
        else:
            topic = random.choice(subject.topics)
            question, answer = random.choice(topic.questions), topic.answer
            found = random.sample(passages[topic.questions[0]], k=random.choice((1, 2)))
        milliseconds = round(random.lognormvariate(6.4, 0.5))
        answered_at = at + timedelta(milliseconds=milliseconds)
        yield Message(
            conversation=conversation,
            role=Message.Role.USER,
            text=question,
            confidence=confidence_in(question, is_fallback=is_fallback),
            created_at=at,
        )
        yield Message(
            conversation=conversation,
            role=Message.Role.ASSISTANT,
            text=answer,
            created_at=answered_at,
            is_fallback=is_fallback,
            answer_milliseconds=milliseconds,
            passages=[(*chunk, round(random.uniform(0.6, 0.95), 4)) for chunk in found],
            rating=Message.Rating.DOWN if random.random() < 0.01 else None,
        )
        at = answered_at + timedelta(seconds=random.uniform(8, 90))


def confidence_in(question: str, *, is_fallback: bool) -> float:
    """Return a confidence on the right side of the threshold, the same for the same question."""
    distance = Random(question).uniform(0.0, 2.0)
    return THRESHOLD - distance if is_fallback else THRESHOLD + distance


def poisson(random: Random, expected: float) -> int:
    """Return how often something happens that happens so often on average."""
    count, left = 0, random.expovariate(1)
    while left < expected:
        count += 1
        left += random.expovariate(1)
    return count


def count_days(chatbot: Chatbot, messages: list[Message]) -> None:
    answers = [message for message in messages if message.role == Message.Role.ASSISTANT]
    answered = Counter(day_of(answer) for answer in answers if not answer.is_fallback)
    fallback = Counter(day_of(answer) for answer in answers if answer.is_fallback)
    DailyAnswers.objects.bulk_create(
        DailyAnswers(chatbot=chatbot, day=day, answered=answered[day], fallback=fallback[day])
        for day in answered | fallback
    )


def day_of(message: Message) -> date:
    return message.created_at.astimezone(UTC).date()


def add_usage(owner: User) -> None:
    """Count this month's messages, of which the days know how many there were."""
    month = current_month()
    shares = Counter[Chatbot]()
    for row in DailyAnswers.objects.filter(chatbot__owner=owner, day__gte=month).select_related(
        "chatbot"
    ):
        shares[row.chatbot] += row.answered + row.fallback
    MessageUsage.objects.create(owner=owner, month=month, used=shares.total())
    ChatbotMessageUsage.objects.bulk_create(
        ChatbotMessageUsage(chatbot=chatbot, month=month, used=used)
        for chatbot, used in shares.items()
    )


def add_key(random: Random, owner: User, traffic: Traffic, created_at: datetime) -> None:
    api_key = create_key(owner, traffic.key_name, created_at)
    calls = dict(calls_of(random, api_key, traffic))
    write_calls(calls)
    latest = max((answers.hour for answers in calls), default=created_at)
    ApiKey.objects.filter(pk=api_key.pk).update(
        first_used_at=created_at + HOUR, last_used_at=latest + HOUR / 2
    )


def create_key(owner: User, name: str, created_at: datetime, **moments: datetime) -> ApiKey:
    """Create a key in the past, whose plaintext nobody knows."""
    token = tokens.generate()
    add_event(owner, API_KEY_CREATED, created_at, name=name, prefix=token.prefix)
    return ApiKey.objects.create(
        owner=owner,
        name=name,
        prefix=token.prefix,
        digest=token.digest,
        created_at=created_at,
        **moments,
    )


def calls_of(random: Random, api_key: ApiKey, traffic: Traffic) -> Iterator[tuple[Answers, Calls]]:
    for hour in hours():
        busy = float(hour.hour == 2) if traffic.calls_at_night else bustle(hour)
        count = round(traffic.per_hour * busy * random.uniform(0.75, 1.25))
        if not count:
            continue
        limited = poisson(random, count * traffic.limited_percent / 100)
        failed = poisson(random, count * traffic.failed_percent / 100)
        peak = 60 if limited else min(max(count // 12, 1), 59)
        for status, number in ((200, count), (429, limited), (502, failed)):
            if number:
                yield Answers(api_key.id, hour, status), Calls(number, peak)


def add_former_key(owner: User, began: datetime) -> None:
    """Add a key that was revoked some weeks ago."""
    ended_at = timezone.now() - timedelta(days=22)
    api_key = create_key(
        owner,
        "Old website",
        began,
        first_used_at=began,
        last_used_at=ended_at - HOUR,
        revoked_at=ended_at,
    )
    add_event(owner, API_KEY_REVOKED, ended_at, name=api_key.name, prefix=api_key.prefix)


def add_sign_ins(owner: User) -> None:
    now = timezone.now()
    add_event(owner, SIGN_IN_FAILED, now - timedelta(days=3, hours=2))
    for days in (9, 3, 1):
        add_event(owner, SIGNED_IN, now - timedelta(days=days, hours=1))


def add_event(owner: User, kind: Kind, at: datetime, **details: str) -> None:
    SecurityEvent.objects.create(
        account=owner,
        kind=kind,
        actor=Actor.OWNER,
        details=details,
        ip_address="203.0.113.24",
        user_agent=FIREFOX,
        created_at=at,
    )
