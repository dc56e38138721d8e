"""The command that creates a chatbot from files."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from chatbots.models import Chatbot, Chunk


def test_it_trains_on_files_and_prints_the_id(
    alice: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "one.txt", tmp_path / "two.md"]
    files[0].write_text("We open at nine.")
    files[1].write_bytes(b"\xef\xbb\xbfWe close at five.")
    call_command("create_chatbot", alice.email, "Shop", "--text", *map(str, files))
    chatbot = Chatbot.objects.get()
    assert capsys.readouterr().out == f"{chatbot.id}\n"
    assert {source.title for source in chatbot.sources.all()} == {"one.txt", "two.md"}
    assert {sentence for chunk in Chunk.objects.all() for sentence in chunk.sentences} == {
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
    alice: User, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("We open at nine.")
    if content is not None:
        bad.write_bytes(content)
    with pytest.raises(CommandError, match=reason):
        call_command("create_chatbot", alice.email, "Shop", "--text", str(good), str(bad))
    assert not Chatbot.objects.exists()


def test_it_needs_an_account(db: None, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("text")
    with pytest.raises(CommandError, match="no account"):
        call_command("create_chatbot", "nobody@example.org", "Shop", "--text", str(file))
