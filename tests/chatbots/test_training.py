from itertools import pairwise
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from chatbots.models import Chatbot, Chunk, Source
from chatbots.services import NothingToLearn, add_text_source
from chatbots.training import CHUNK_TOKENS, count_tokens, split

PROSE = "\n\n".join(
    " ".join(f"Sentence {part} of paragraph {number} is about parcels." for part in range(8))
    for number in range(60)
)


def test_chunks_are_of_about_512_tokens_and_overlap() -> None:
    chunks = split(PROSE)
    sizes = [count_tokens(chunk) for chunk in chunks]
    assert max(sizes) <= CHUNK_TOKENS
    assert min(sizes[:-1]) >= CHUNK_TOKENS / 2
    for before, after in pairwise(chunks):
        assert after[:40] in before


@given(st.text(max_size=6000))
def test_no_chunk_is_blank_or_too_long(text: str) -> None:
    chunks = split(text)
    assert all(chunk.strip() and count_tokens(chunk) <= CHUNK_TOKENS for chunk in chunks)
    assert bool(chunks) == bool(text.strip())


def test_a_text_source_is_done_at_once(chatbot: Chatbot) -> None:
    source = add_text_source(chatbot, "Long", PROSE)
    assert (source.type, source.status, source.page_count) == ("text", "done", 0)
    positions = [chunk.position for chunk in source.chunks.all()]
    assert positions == list(range(len(positions)))
    assert len(positions) > 5


@pytest.mark.parametrize("text", ["", " \n\t\n "])
def test_a_text_without_words_teaches_nothing(chatbot: Chatbot, text: str) -> None:
    with pytest.raises(NothingToLearn):
        add_text_source(chatbot, "Empty", text)
    assert Source.objects.count() == 1


class TestCreateChatbot:
    def test_it_trains_on_files_and_prints_the_id(
        self, alice: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        files = [tmp_path / "one.txt", tmp_path / "two.md"]
        files[0].write_text("We open at nine.")
        files[1].write_bytes(b"\xef\xbb\xbfWe close at five.")
        call_command("create_chatbot", alice.email, "Shop", "--text", *map(str, files))
        chatbot = Chatbot.objects.get()
        assert capsys.readouterr().out == f"{chatbot.id}\n"
        assert {source.title for source in chatbot.sources.all()} == {"one.txt", "two.md"}
        assert {chunk.text for chunk in Chunk.objects.all()} == {
            "We open at nine.",
            "We close at five.",
        }

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"\xff\xfe", "not UTF-8 at byte 0"),
            (b"a\0b", "NUL"),
            (b" \n", "no text to learn from"),
            (None, "No such file"),
        ],
    )
    def test_a_file_that_is_no_text_leaves_nothing_behind(
        self, alice: User, tmp_path: Path, content: bytes | None, reason: str
    ) -> None:
        good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
        good.write_text("We open at nine.")
        if content is not None:
            bad.write_bytes(content)
        with pytest.raises(CommandError, match=reason):
            call_command("create_chatbot", alice.email, "Shop", "--text", str(good), str(bad))
        assert not Chatbot.objects.exists()

    def test_it_needs_an_account(self, db: None, tmp_path: Path) -> None:
        file = tmp_path / "a.txt"
        file.write_text("text")
        with pytest.raises(CommandError, match="no account"):
            call_command("create_chatbot", "nobody@example.org", "Shop", "--text", str(file))
