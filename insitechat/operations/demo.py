"""The demo that the first start creates: an account, a trained chatbot and an API key."""

from dataclasses import dataclass

from django.core.files import File
from django.db import transaction

from accounts.models import User
from apikeys.services import create_api_key
from apikeys.tokens import Token
from chatbots.services import create_chatbot
from chatbots.training import add_file_source, train
from insitechat.operations.lively import enliven
from insitechat.operations.paths import PROJECT

EMAIL = "demo@insitechat.example"
CHATBOT = "InsiteChat guide"
QUESTION = "How many requests may a key make?"
TEXTS = (PROJECT / "docs" / "api-keys.md",)


@dataclass(frozen=True, slots=True)
class Demo:
    """What a newcomer needs to call the demo chatbot. The token is not shown again."""

    token: Token
    chatbot_id: str


@transaction.atomic
def create_demo(password: str, *, is_lively: bool = False) -> Demo | None:
    """Create the demo account with a chatbot and a key; None if there is any account already.

    A lively one has more of them, and thirty days of what they did.
    """
    if User.objects.exists():
        return None
    owner = User.objects.create_user(EMAIL, password)
    chatbot = create_chatbot(owner, CHATBOT)
    for file in TEXTS:
        with file.open("rb") as content:
            source = add_file_source(chatbot, File(content, file.name))
        train(str(source.pk))  # at once: its job will find nothing to do
    created = create_api_key(owner, "Demo")
    if is_lively:
        enliven(owner)
    return Demo(created.token, str(chatbot.id))


def curl(address: str, chatbot_id: str, key: str) -> str:
    """Return a command that asks the demo chatbot a question, ready to paste."""
    return (
        f"curl {address}/api/v1/chatbots/{chatbot_id}/chat \\\n"
        f"  -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n"
        f"""  -d '{{"message": "{QUESTION}"}}'"""
    )
