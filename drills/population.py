"""The accounts that the load is made of, and what each of their answers has to be."""

from dataclasses import dataclass

ACCOUNTS = 60
PASSWORD = "a long phrase for drills"  # noqa: S105
RULES = """\
# Shipping

We ship to Norway, Sweden and Denmark. Orders over 50 euros ship free of charge.

# Returns

You can return any item within 30 days of delivery. Returned items must be unused.
"""
QUESTION = "Do you ship to Norway?"
ANSWER = "We ship to Norway, Sweden and Denmark."


@dataclass(frozen=True, slots=True)
class Account:
    """What a client of one account sends, and what it has to see."""

    email: str
    key: str
    prefix: str
    session: str
    # The chatbot that quotes its source, and the one that asks the slow provider.
    quoting: str
    asking: str


@dataclass(frozen=True, slots=True)
class Population:
    """Accounts of the steady load, one whose limit is exhausted, and keys for bursts."""

    accounts: list[Account]
    hot: Account
    burst_keys: list[str]
    greedy: "Greedy"
    stranger_key: str


@dataclass(frozen=True, slots=True)
class Greedy:
    """An account with much to read, a key without a limit to speak of, and pages that are slow."""

    account: Account
    pages: tuple[str, ...] = ("", "conversations/", "insights/", "playground/")


def create(bursts: int) -> Population:
    """Migrate the database and fill it. Django has to be set up."""
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    password = make_password(PASSWORD)
    people = [create_account(f"account-{number}@example.org", password) for number in range(63)]
    *steady, hot, greedy, stranger = people
    lift_limits(greedy, stranger)
    fill(greedy)
    burst_keys = create_burst_keys(bursts)
    return Population(steady, hot, burst_keys, Greedy(greedy), stranger.key)


def lift_limits(*accounts: Account) -> None:
    from accounts.models import Plan, User

    plan = Plan.objects.create(
        name="Unlimited", requests_per_minute=1_000_000, monthly_messages=1_000_000
    )
    User.objects.filter(email__in=[account.email for account in accounts]).update(plan=plan)


def fill(account: Account) -> None:
    """Give the quoting chatbot many sources and conversations."""
    from chatbots.models import Chatbot, Conversation, Message, Source

    chatbot = Chatbot.objects.get(pk=account.quoting)
    Source.objects.bulk_create(
        Source(chatbot=chatbot, type=Source.Type.TEXT, title=f"{number} {'x' * 100}")
        for number in range(900)
    )
    conversations = Conversation.objects.bulk_create(
        Conversation(chatbot=chatbot, session_id=f"visitor-{number}") for number in range(2_000)
    )
    Message.objects.bulk_create(
        Message(conversation=conversation, role=Message.Role.USER, text=QUESTION)
        for conversation in conversations
    )


def create_account(email: str, password: str) -> Account:
    from allauth.account.models import EmailAddress
    from django.test import Client

    from accounts.models import Plan, User
    from apikeys.services import create_api_key
    from chatbots.knowledge.teaching import add_text_source
    from chatbots.services import create_chatbot

    user = User(email=email, password=password, plan=Plan.objects.default())
    user.save()
    EmailAddress.objects.get_or_create(
        user=user, email=email, defaults={"primary": True, "verified": True}
    )
    quoting = create_chatbot(user, "Quoting")
    asking = create_chatbot(user, "Asking", provider="ollama")
    for chatbot in (quoting, asking):
        add_text_source(chatbot, "Rules", RULES)
    token = create_api_key(user, "Drill").token
    browser = Client()
    browser.force_login(user)
    session = browser.cookies["sessionid"].value
    return Account(email, token.plaintext, token.prefix, session, str(quoting.id), str(asking.id))


def create_burst_keys(number: int) -> list[str]:
    from accounts.models import Plan, User
    from apikeys import tokens
    from apikeys.models import ApiKey

    plan = Plan.objects.default()
    owners = [
        User(email=f"burst-{index}@example.org", password="!", plan=plan) for index in range(number)
    ]
    User.objects.bulk_create(owners)
    generated = [tokens.generate() for _ in owners]
    ApiKey.objects.bulk_create(
        ApiKey(
            owner=owner,
            name="Burst",
            prefix=token.prefix,
            digest=token.digest,
        )
        for owner, token in zip(owners, generated, strict=True)
    )
    return [token.plaintext for token in generated]
