"""What a search finds: the live pages of one chatbot, by its own index, and nothing else."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chatbots.embedding import configured, minilm
from chatbots.embedding.base import EmbedderUnavailable
from chatbots.knowledge import reindexing
from chatbots.knowledge.documents import Block, Document
from chatbots.knowledge.learning import forget, learn, publish
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import (
    Chatbot,
    Chunk,
    ChunkVectors,
    Page,
    Posting,
    SearchIndex,
    SentenceVectors,
    Source,
)
from chatbots.retrieval import index
from chatbots.retrieval.search import Question, embedded, search
from chatbots.services import create_chatbot
from tests.conftest import wait_for
from tests.locks import sessions_waiting

QUESTION = "When does the museum open?"
STORED = (Posting, ChunkVectors, SentenceVectors)


def texts(chatbot: Chatbot, question: str = QUESTION) -> list[str]:
    return [passage.excerpt for passage in search(chatbot.id, question).passages]


def page_of(source: Source, text: str) -> Page:
    page = Page(chatbot=source.chatbot, source=source, url="https://museum.example/")
    learn(page, Document("Museum", (Block(text, ("Opening hours",)),)))
    return page


@pytest.fixture
def museum(alice: User) -> Source:
    chatbot = create_chatbot(alice, "Museum")
    return Source.objects.create(chatbot=chatbot, type=Source.Type.URL)


def test_a_page_is_found_from_its_publication_to_its_replacement(museum: Source) -> None:
    old = page_of(museum, "The museum opens at nine.")
    assert texts(museum.chatbot) == []
    publish(museum, [old])
    new = page_of(museum, "The museum opens at ten.")
    assert texts(museum.chatbot) == ["The museum opens at nine."]
    publish(museum, [new])
    assert texts(museum.chatbot) == ["The museum opens at ten."]
    forget([old.pk])
    for model in STORED:
        assert set(model._default_manager.values_list("page_id", flat=True)) == {new.pk}


def test_what_is_deleted_is_not_found_until_it_is_restored(museum: Source) -> None:
    publish(museum, [page_of(museum, "The museum opens at nine.")])
    Source.objects.filter(pk=museum.pk).soft_delete()
    assert texts(museum.chatbot) == []
    Source.objects.filter(pk=museum.pk).restore()
    assert texts(museum.chatbot) == ["The museum opens at nine."]


def test_a_chatbot_does_not_know_what_another_knows(museum: Source, stranger: User) -> None:
    publish(museum, [page_of(museum, "The museum opens at nine.")])
    other = create_chatbot(stranger, "Other")
    add_text_source(other, "Cats", "Cats sleep most of the day.")
    assert texts(other) == []


def test_learning_goes_on_where_it_stopped(museum: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document("", tuple(Block(f"Room {n} has pictures.", (str(n),)) for n in range(20)))
    page = Page(chatbot=museum.chatbot, source=museum)
    embedder, embedded = configured.offline(), []

    class Dying:
        id = embedder.id
        embed_query = embedder.embed_query

        def embed_documents(self, given: list[str]) -> object:
            embedded.extend(given)
            if len(embedded) > 18:
                raise MemoryError
            return embedder.embed_documents(given)

    monkeypatch.setattr(configured, "offline", Dying)
    with pytest.raises(MemoryError):
        learn(page, document)
    stored = ChunkVectors.objects.count()
    assert 0 < stored < 20
    monkeypatch.setattr(configured, "offline", lambda: embedder)
    learn(page, document)
    assert ChunkVectors.objects.count() == Chunk.objects.count() == 20
    assert page.state == Page.State.EMBEDDED


def test_another_embedder_gets_an_index_of_its_own(
    museum: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(museum, [page_of(museum, "The museum opens at nine.")])
    embedder = configured.offline()

    class Other:
        id = "other"
        embed_documents = embedder.embed_documents
        embed_query = embedder.embed_query

    monkeypatch.setattr("chatbots.retrieval.index.configured", Other)
    monkeypatch.setattr(reindexing, "configured", Other)
    monkeypatch.setattr(configured, "configured", Other)
    assert reindexing.outdated() == [museum.chatbot_id]
    assert texts(museum.chatbot) == ["The museum opens at nine."]
    reindexing.reindex(museum.chatbot_id)
    assert SearchIndex.objects.get().embedder == "other"
    assert texts(museum.chatbot) == ["The museum opens at nine."]
    assert reindexing.outdated() == []
    for model in STORED:
        indexes = set(model._default_manager.values_list("index_id", flat=True))
        assert indexes == {SearchIndex.objects.get().pk}


def test_an_index_whose_embedder_was_soon_taken_back_is_dropped(museum: Source) -> None:
    publish(museum, [page_of(museum, "The museum opens at nine.")])
    live = SearchIndex.objects.get()
    begun = SearchIndex.objects.create(
        chatbot=museum.chatbot, embedder="taken back", analyser=live.analyser
    )
    page_of(museum, "It closes at five.")
    assert ChunkVectors.objects.filter(index_id=begun.pk).exists()
    assert reindexing.outdated() == [museum.chatbot_id]
    reindexing.reindex(museum.chatbot_id)
    assert SearchIndex.objects.get() == live
    assert not ChunkVectors.objects.filter(index_id=begun.pk).exists()
    assert reindexing.outdated() == []


def test_without_its_embedder_words_are_found(
    museum: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(museum, [page_of(museum, "The museum opens at nine.")])

    def unavailable(_: str) -> None:
        raise EmbedderUnavailable

    monkeypatch.setattr("chatbots.retrieval.search.embedder_of", unavailable)
    assert texts(museum.chatbot) == ["The museum opens at nine."]
    assert texts(museum.chatbot, "Do elephants dance?") == []


@pytest.mark.django_db(transaction=True)
def test_what_is_removed_while_it_is_indexed_leaves_nothing_behind() -> None:
    owner = User.objects.create_user("owner@example.org")
    source = Source.objects.create(chatbot=create_chatbot(owner, "Museum"), type=Source.Type.URL)
    page = page_of(source, "The museum opens at nine.")
    rebuilt = SearchIndex.objects.create(chatbot=source.chatbot, embedder=minilm.ID, analyser="new")
    chunks = index.missing_chunks(rebuilt, [page])

    def store() -> None:
        index.add(rebuilt, chunks)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            index.remove([page.pk])
            stored = pool.submit(store)
            wait_for(lambda: stored.done() or sessions_waiting() > 0)
            Chunk.objects.filter(page=page).delete()
            page.delete()
        stored.result()
    assert chunks
    assert not any(model._default_manager.exists() for model in STORED)


def test_a_search_costs_five_statements(museum: Source) -> None:
    publish(museum, [page_of(museum, "The museum opens at nine.")])
    with CaptureQueriesContext(connection) as queries:
        search(museum.chatbot_id, "word " * 1600)
        search(museum.chatbot_id, QUESTION)
    assert len(queries) <= 10


def test_a_question_is_focused_on_its_terms_that_are_not_frequent() -> None:
    made = SearchIndex(embedder=minilm.ID, languages=["en"])
    question = Question.of(made, "Where is the nearest Fetchmail store?")
    assert question.focused({"fetchmail"}) == embedded(made, "Where is the nearest store?")
    assert question.focused(set()) == question.vector


@pytest.mark.parametrize("text", ["What is Fetchmail?", "What is a Fetchmail-plugin?"])
def test_a_question_of_which_no_term_would_be_left_is_taken_whole(text: str) -> None:
    question = Question.of(SearchIndex(embedder=minilm.ID, languages=["en"]), text)
    assert question.focused({"fetchmail"}) == question.vector
