"""Files are read in a process that they may crash, fill or hang."""

import signal
import sys
from pathlib import Path

import pytest

from chatbots.knowledge.extraction import sandbox
from chatbots.knowledge.extraction.reading import File, Unreadable
from chatbots.knowledge.extraction.sandbox import Limits, read_safely
from tests.chatbots.knowledge.extraction.files import pdf


def test_a_file_is_read_there_as_it_is_here() -> None:
    reading = read_safely(File(b"<title>T</title><a href=b>c</a>", url="https://x.example/a"))
    assert (reading.document.title, reading.links) == ("T", ("https://x.example/b",))


def test_reasons_come_back() -> None:
    with pytest.raises(Unreadable, match="password"):
        read_safely(File(pdf([(10, "Secret")], is_locked=True)))


def run_instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the process run this code, which stands for what a hostile file makes it do."""
    monkeypatch.setattr(sandbox, "COMMAND", [sys.executable, "-c", code])


CONFINED = """
import json, sys
from chatbots.knowledge.extraction.__main__ import confine, Limits
confine(Limits(**json.loads(sys.stdin.buffer.readline())["limits"]))
"""


def test_what_takes_too_much_memory_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, f"{CONFINED}bytearray(500_000_000)")
    with pytest.raises(Unreadable, match="memory"):
        read_safely(File(b"x"), Limits(memory_bytes=400_000_000))


@pytest.mark.parametrize("limits", [Limits(cpu_seconds=1), Limits(seconds=1)])
def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch, limits: Limits) -> None:
    run_instead(monkeypatch, f"{CONFINED}while True: pass")
    with pytest.raises(Unreadable, match="too long"):
        read_safely(File(b"x"), limits)


def test_it_can_write_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write = f"open({str(tmp_path / 'file')!r}, 'w').write('x')"
    run_instead(monkeypatch, f"{CONFINED}{write}")
    with pytest.raises(Unreadable, match="damaged"):
        read_safely(File(b"x"))


@pytest.mark.parametrize("ending", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_is_a_reason(monkeypatch: pytest.MonkeyPatch, ending: signal.Signals) -> None:
    run_instead(monkeypatch, f"import os; os.kill(os.getpid(), {ending})")
    with pytest.raises(Unreadable, match="damaged"):
        read_safely(File(b"x"))


def test_it_knows_nothing_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "secret")
    run_instead(monkeypatch, "import os; print('-' + ' '.join(os.environ), end='')")
    with pytest.raises(Unreadable) as told:
        read_safely(File(b"x"))
    assert set(str(told.value).split()) <= {"LC_CTYPE"}
