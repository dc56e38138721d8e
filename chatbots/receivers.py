"""What chatbots do when their account is closed."""

from typing import Any

from accounts.models import User
from accounts.signals import account_emptied
from chatbots.deletion import delete_chatbots
from chatbots.models import Chatbot


def connect() -> None:
    account_emptied.connect(delete_all, dispatch_uid="chatbots")


def delete_all(account: User, **signal: Any) -> None:
    delete_chatbots(Chatbot.objects.filter(owner=account))
