"""Deleting chatbots and sources for good, dependent rows first, in batches."""

from django.db.models import QuerySet

from chatbots.insights import forget_study
from chatbots.knowledge.learning import forget
from chatbots.models import Chatbot, Conversation, Message, Page, Source
from core.retention import delete_in_batches


def delete_sources(sources: QuerySet[Source]) -> None:
    forget(list(Page.objects.filter(source__in=sources).values_list("pk", flat=True)))
    for source in sources.exclude(file="").iterator():
        source.file.delete(save=False)
    delete_in_batches(sources)


def delete_chatbots(chatbots: QuerySet[Chatbot]) -> None:
    """Delete the chatbots with everything in them; in between they are incomplete."""
    delete_sources(Source.objects.filter(chatbot__in=chatbots))
    delete_in_batches(Message.objects.filter(conversation__chatbot__in=chatbots))
    delete_in_batches(Conversation.objects.filter(chatbot__in=chatbots))
    delete_in_batches(chatbots)


def delete_conversation(conversation: Conversation) -> None:
    delete_in_batches(conversation.messages.all())
    conversation.delete()
    forget_study(conversation.chatbot_id)
