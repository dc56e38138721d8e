"""What is asked, and what counts as right."""

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chatbots.knowledge.documents import Document

# Shorter sentences may stand in any section.
TELLING_LENGTH = 40


def plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().lower()


@dataclass(frozen=True)
class Section:
    """Where a question's answer stands: the text below one heading."""

    text: str

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Section":
        return cls(f" {plain(' '.join(texts))} ")

    def has(self, sentences: Iterable[str]) -> bool:
        """Return whether one of the sentences that are long enough to tell stands in it."""
        plains = [plain(sentence) for sentence in sentences]
        telling = [text for text in plains if len(text) >= TELLING_LENGTH] or plains
        return any(text and f" {text} " in self.text for text in telling)


@dataclass(frozen=True)
class Question:
    text: str
    kind: str
    section: Section | None = None  # None: nothing answers it

    @property
    def is_for_tuning(self) -> bool:
        """Tell half of the questions from the other, whatever their order."""
        return zlib.crc32(self.text.encode()) % 2 == 0


@dataclass(frozen=True)
class Corpus:
    """What one chatbot learns and is asked."""

    name: str
    documents: Sequence[Document]
    questions: Sequence[Question]
    suffix: str = ""  # of its kinds of question, in the tables
