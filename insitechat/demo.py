"""What a newcomer finds on the first start: an account, a trained chatbot, and one key."""

from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from apikeys.services import create_api_key
from apikeys.tokens import Token
from chatbots.services import add_text_source, create_chatbot
from insitechat.paths import PROJECT

EMAIL = "demo@insitechat.example"
CHATBOT = "InsiteChat guide"
QUESTION = "How many requests may a key make?"
TEXTS = (PROJECT / "docs" / "api-keys.md",)


@dataclass(frozen=True, slots=True)
class Demo:
    """What a newcomer needs to call the demo chatbot; the token is shown this once."""

    token: Token
    chatbot_id: str


@transaction.atomic
def create_demo(password: str) -> Demo | None:
    """Make the demo account with a chatbot and a key; None where there is any account already."""
    if User.objects.exists():
        return None
    owner = User.objects.create_user(EMAIL, password)
    chatbot = create_chatbot(owner, CHATBOT)
    for text in TEXTS:
        add_text_source(chatbot, text.name, text.read_text(encoding="utf-8"))
    created = create_api_key(owner, "Demo")
    return Demo(created.token, str(chatbot.id))


def curl(address: str, chatbot_id: str, key: str) -> str:
    """Return a command that asks the demo chatbot a question, ready to paste."""
    return (
        f"curl {address}/api/v1/chatbots/{chatbot_id}/chat \\\n"
        f"  -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n"
        f"""  -d '{{"message": "{QUESTION}"}}'"""
    )
