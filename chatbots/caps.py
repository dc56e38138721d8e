"""How many chatbots and sources an account may have; its plan says so."""

import uuid

from accounts.models import User
from chatbots.models.chatbot import Chatbot
from chatbots.models.source import Source


class CapReached(ValueError):
    """The account has as many of something as its plan allows. The text says so to its owner."""


def hold_chatbots_cap(owner_id: uuid.UUID) -> None:
    """Make sure that the account may have one more chatbot. Raises CapReached.

    It has to be created in the same transaction: simultaneous creations of one account wait here
    for each other. Deleted chatbots count for as long as they can be restored.
    """
    cap = locked_owner(owner_id).plan.max_chatbots
    if Chatbot.objects.filter(owner_id=owner_id).count() >= cap:
        raise CapReached(
            f"Maximum {cap:,} chatbots allowed, those of the last 30 days' deletions included"
        )


def hold_sources_cap(owner_id: uuid.UUID) -> None:
    """Make sure that the account may have one more source, as with chatbots. Raises CapReached."""
    cap = locked_owner(owner_id).plan.max_sources
    if Source.objects.filter(chatbot__owner_id=owner_id).count() >= cap:
        raise CapReached(
            f"Maximum {cap:,} sources allowed, those of the last 30 days' deletions included"
        )


def locked_owner(owner_id: uuid.UUID) -> User:
    owners = User.objects.select_related("plan")
    return owners.select_for_update(of=("self",), no_key=True).get(pk=owner_id)
