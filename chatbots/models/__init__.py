"""Chatbots, what they know, their conversations, and the messages that they use."""

from chatbots.models.chatbot import NAME_MAX_LENGTH, Chatbot
from chatbots.models.conversation import (
    MESSAGE_MAX_LENGTH,
    WORDS_CONFIG,
    Conversation,
    Message,
)
from chatbots.models.crawled_host import HOST_MAX_LENGTH, CrawledHost
from chatbots.models.daily_answers import DailyAnswers
from chatbots.models.page import Chunk, Page, PageQuerySet
from chatbots.models.search import ChunkVectors, Posting, SearchIndex, SentenceVectors
from chatbots.models.soft_deletion import DELETED_KEPT
from chatbots.models.source import TITLE_MAX_LENGTH, URL_MAX_LENGTH, Source, SourceQuerySet
from chatbots.models.usage import ChatbotMessageUsage, MessageUsage, Reservation

__all__ = [
    "DELETED_KEPT",
    "HOST_MAX_LENGTH",
    "MESSAGE_MAX_LENGTH",
    "NAME_MAX_LENGTH",
    "TITLE_MAX_LENGTH",
    "URL_MAX_LENGTH",
    "WORDS_CONFIG",
    "Chatbot",
    "ChatbotMessageUsage",
    "Chunk",
    "ChunkVectors",
    "Conversation",
    "CrawledHost",
    "DailyAnswers",
    "Message",
    "MessageUsage",
    "Page",
    "PageQuerySet",
    "Posting",
    "Reservation",
    "SearchIndex",
    "SentenceVectors",
    "Source",
    "SourceQuerySet",
]
