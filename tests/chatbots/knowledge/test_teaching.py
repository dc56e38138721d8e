import pytest

from chatbots.knowledge.learning import NothingToLearn
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot, Chunk, Source
from tests.chatbots.knowledge.test_chunking import PROSE


def test_a_text_source_is_done_at_once(chatbot: Chatbot) -> None:
    source = add_text_source(chatbot, "Long", PROSE)
    assert (source.type, source.status, source.page_count) == ("text", "done", 0)
    positions = [chunk.position for chunk in Chunk.objects.filter(page__source=source)]
    assert positions == list(range(len(positions)))
    assert len(positions) > 5


@pytest.mark.parametrize("text", ["", " \n\t\n "])
def test_a_text_without_words_teaches_nothing(chatbot: Chatbot, text: str) -> None:
    with pytest.raises(NothingToLearn):
        add_text_source(chatbot, "Empty", text)
    assert Source.objects.count() == 1
