"""Teaching a chatbot what its owner writes: texts, and questions with answers."""

from django.db import transaction

from chatbots.caps import hold_sources_cap
from chatbots.knowledge.documents import Block, Document
from chatbots.knowledge.extraction.texts import read_markdown
from chatbots.knowledge.learning import NothingToLearn, forget, learn, publish
from chatbots.models import Chatbot, Page, Source

# The most that an owner may paste at once. As UTF-8 it usually stays below
# DATA_UPLOAD_MAX_MEMORY_SIZE.
MAX_TEXT_LENGTH = 500_000
# An answer of this length is given as a whole.
MAX_ANSWER_LENGTH = 1_800


def add_text_source(chatbot: Chatbot, title: str, text: str) -> Source:
    """Add a text, which the chatbot knows when this returns. Raises NothingToLearn, CapReached."""
    return teach(Source(chatbot=chatbot, type=Source.Type.TEXT), title, text)


def add_pair_source(chatbot: Chatbot, question: str, answer: str) -> Source:
    """Add a question and the answer to give to it. Raises NothingToLearn, CapReached."""
    return teach(Source(chatbot=chatbot, type=Source.Type.QA), question, answer)


@transaction.atomic
def teach(source: Source, title: str, text: str) -> Source:
    """Store the source with this text, which the chatbot answers from once this commits."""
    document = document_of(source.type, title, text)
    store(source, title, text, Source.Status.DONE)
    former = list(source.pages.values_list("pk", flat=True))
    page = Page(chatbot=source.chatbot, source=source)
    learn(page, document)
    publish(source, [page])
    forget(former)
    return source


def store(source: Source, title: str, text: str, status: Source.Status) -> None:
    if source._state.adding:
        hold_sources_cap(source.chatbot.owner_id)
    source.title, source.text, source.status = title, text, status
    source.save()


def document_of(source_type: str, title: str, text: str) -> Document:
    """Return what is learnt of a source that its owner wrote. Raises NothingToLearn."""
    if source_type == Source.Type.QA:
        question = " ".join(title.split())
        return Document("", (Block(text, (question,)),))
    document = read_markdown(text).document
    if not document.blocks:
        raise NothingToLearn("There is no text to learn from")
    return Document(title, document.blocks, document.language)
