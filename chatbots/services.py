"""Making chatbots, training them, and having them answer."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accounts.models import User
from apikeys.services import violated_constraint
from chatbots.conversations import latest_turns, store_turn
from chatbots.models import Chatbot, Chunk, Source
from chatbots.providers import provider_for
from chatbots.providers.base import Prompt, Turn
from chatbots.quota import reserved_message
from chatbots.retrieval import Findings, Passage, search, stems_of
from chatbots.training import pair, split


class ChatbotPaused(Exception):
    """The owner has paused the chatbot; it answers nobody."""


class NothingToLearn(ValueError):
    """The text has no words in it, or none that could be found again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a visitor is told, and the passages that it was to be made from."""

    text: str
    passages: Sequence[Passage]
    is_fallback: bool


def create_chatbot(owner: User, name: str, *, provider: str = Chatbot.Provider.BUILTIN) -> Chatbot:
    """Make a chatbot with a slug that is its owner's alone."""
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


def add_text_source(chatbot: Chatbot, title: str, text: str) -> Source:
    """Train a chatbot on a text, ready when this returns. Raises NothingToLearn."""
    return teach(Source(chatbot=chatbot, type=Source.Type.TEXT), title, text)


def add_pair_source(chatbot: Chatbot, question: str, answer: str) -> Source:
    """Train a chatbot to give this answer to this question. Raises NothingToLearn."""
    return teach(Source(chatbot=chatbot, type=Source.Type.QA), question, answer)


@transaction.atomic
def rewrite_source(source: Source, title: str, text: str) -> Source:
    """Train on another text instead; the old one answers until then. Raises NothingToLearn.

    Raises Source.DoesNotExist where it has been deleted meanwhile.
    """
    # The lock makes two edits at once follow each other: the later one stays.
    return teach(Source.objects.editable().select_for_update().get(pk=source.pk), title, text)


@transaction.atomic
def teach(source: Source, title: str, text: str) -> Source:
    """Store the source with this text and replace its chunks by the text's."""
    chunks = chunks_of(source.type, title, text)
    source.title, source.text, source.status = title, text, Source.Status.DONE
    source.save()
    source.chunks.all().delete()
    Chunk.objects.bulk_create(
        Chunk(source=source, position=position, text=chunk) for position, chunk in enumerate(chunks)
    )
    return source


def chunks_of(source_type: str, title: str, text: str) -> list[str]:
    """Return what is searched and quoted. Raises NothingToLearn."""
    if source_type != Source.Type.QA:
        chunks = split(text)
        if not chunks:
            raise NothingToLearn("There is no text to learn from")
        return chunks
    question = " ".join(title.split())
    if not any(stems_of([question])):
        raise NothingToLearn("Only very common words: name what the question is about")
    return [pair(question, text)]


def answer_message(chatbot: Chatbot, session_id: str, message: str) -> Answer:
    """Answer a message in its session and count it against the owner's month.

    Raises ChatbotPaused, MessageQuotaReached, ProviderError, TooManyWaiting; nothing is counted or
    stored then.
    """
    if not chatbot.is_active:
        raise ChatbotPaused
    with reserved_message(chatbot):
        history = latest_turns(chatbot, session_id)
        findings = find(chatbot.id, message, history)
        found = None
        if findings.passages:
            prompt = Prompt(message, findings, history, chatbot.system_prompt)
            found = provider_for(chatbot).answer(prompt)
        answer = Answer(found or chatbot.fallback_message, findings.passages, not found)
        store_turn(chatbot, session_id, Turn(message, answer.text))
    return answer


def find(chatbot_id: uuid.UUID, message: str, history: Sequence[Turn]) -> Findings:
    """Search for the message; a follow-up that finds nothing alone, with the question before it."""
    findings = search(chatbot_id, message)
    if findings.passages or not history:
        return findings
    return search(chatbot_id, f"{history[-1].question} {message}")
