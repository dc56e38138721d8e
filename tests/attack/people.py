"""The account that is attacked, with one of each thing, and whoever attacks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import Plan, User
from apikeys.services import CreatedKey, create_api_key
from chatbots.answering import answer_message
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot, Conversation, Page, Source
from chatbots.services import create_chatbot
from insitechat.operations.own_data import as_json
from securitylog.models import SecurityEvent

SECRET = "Quetzalcoatlus"  # in each text of the victim's
numbers = count()


@dataclass(frozen=True)
class Victim:
    user: User
    key: CreatedKey
    chatbot: Chatbot
    source: Source
    site: Source
    conversation: Conversation
    passkey: Authenticator

    def arguments(self) -> dict[str, Any]:
        """Return the values of the URLconf's parameters that name something of the victim's."""
        address = EmailAddress.objects.get(user=self.user)
        return {
            "chatbot_id": self.chatbot.id,
            "key_id": self.key.api_key.id,
            "source_id": self.source.id,
            "site_id": self.site.id,
            "page_id": self.site.pages.get().id,
            "conversation_id": self.conversation.id,
            "message_id": self.conversation.messages.latest("id").id,
            "pk": self.passkey.pk,
            "key": EmailConfirmationHMAC(address).key,
            "uidb36": "0",
            # The admin's:
            "object_id": self.user.pk,
            "id": self.user.pk,
            "content_type_id": 1,
            "app_label": "accounts",
            "url": "accounts/user",
        }

    def state(self) -> str:
        """Return all that nobody else may change."""
        user = User.objects.get(pk=self.user.pk)
        addresses = list(EmailAddress.objects.filter(user=user).values())
        factors = list(Authenticator.objects.filter(user=user).values())
        data = "".join(as_json(user))
        return repr((data, user.password, user.is_active, addresses, factors))

    def shows(self, body: str) -> bool:
        """Say whether a text tells something of the victim's."""
        known = (SECRET, self.user.email, str(self.user.pk), self.key.token.prefix)
        return any(text in body for text in known)


def make_victim(provider: str = Chatbot.Provider.BUILTIN) -> Victim:
    user = User.objects.create_user(f"victim-{next(numbers)}@{SECRET.lower()}.example")
    chatbot = create_chatbot(user, f"{SECRET} chatbot", provider=provider)
    source = add_text_source(chatbot, f"{SECRET} source", f"{SECRET} ships to Norway.")
    site = Source.objects.create(
        chatbot=chatbot, type=Source.Type.URL, title=SECRET, status=Source.Status.DONE
    )
    Page.objects.create(chatbot=chatbot, source=site, title=SECRET, text=SECRET)
    answer_message(chatbot, f"{SECRET}-session", "Do you ship to Norway?")
    passkey = Authenticator.objects.create(
        user=user, type=Authenticator.Type.WEBAUTHN, data={"name": SECRET, "credential": {}}
    )
    key = create_api_key(user, f"{SECRET} key")
    conversation = Conversation.objects.get(chatbot=chatbot)
    return Victim(user, key, chatbot, source, site, conversation, passkey)


def make_stranger() -> tuple[User, str]:
    """Return another account and its key, which has no limit that an attack would meet."""
    plan, _ = Plan.objects.get_or_create(name="Attacker", requests_per_minute=100_000)
    user = User.objects.create_user(f"stranger-{next(numbers)}@example.org", plan=plan)
    return user, create_api_key(user, "Stranger").token.plaintext


def browser_of(user: User | None, *, checks_csrf: bool = False) -> Client:
    """Return a browser in which the user has just signed in; None is nobody."""
    browser = Client(enforce_csrf_checks=checks_csrf, raise_request_exception=False)
    if user is not None:
        browser.force_login(user)
    return browser


@contextmanager
def unchanged(victim: Victim, findings: list[str], case: str) -> Iterator[None]:
    """Add a finding where the block has changed something of the victim's."""
    before = victim.state()
    events = SecurityEvent.objects.filter(account=victim.user).count()
    yield
    if victim.state() != before:
        findings.append(f"{case}: changed what is not the stranger's")
    if SecurityEvent.objects.filter(account=victim.user).count() != events:
        findings.append(f"{case}: is in the victim's security log")
