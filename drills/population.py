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


def create(bursts: int) -> Population:
    """Migrate the database and fill it. Django has to be set up."""
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    password = make_password(PASSWORD)
    people = [create_account(f"account-{number}@example.org", password) for number in range(61)]
    return Population(people[:ACCOUNTS], people[ACCOUNTS], create_burst_keys(bursts))


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
