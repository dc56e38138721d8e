"""Creating chatbots."""

from django.db import IntegrityError, transaction

from accounts.models import User
from chatbots.caps import hold_chatbots_cap
from chatbots.models import Chatbot
from core.db import violated_constraint


@transaction.atomic
def create_chatbot(owner: User, name: str, *, provider: str = Chatbot.Provider.BUILTIN) -> Chatbot:
    """Create a chatbot with a slug that none of its owner's other chatbots has.

    Raises CapReached.
    """
    hold_chatbots_cap(owner.pk)
    chatbot = Chatbot(owner=owner, name=name, provider=provider)
    for slug in chatbot.slug_candidates():
        chatbot.slug = slug
        try:
            with transaction.atomic():
                chatbot.save(force_insert=True)
        except IntegrityError as error:
            if violated_constraint(error) != Chatbot.SLUG_IS_TAKEN:
                raise
        else:
            break
    return chatbot
