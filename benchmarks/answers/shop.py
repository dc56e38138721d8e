"""The closed set: the site of a shop that does not exist, and what its customers ask."""

import re
import tomllib
from pathlib import Path

from benchmarks.answers.cases import Corpus, Question, Section
from chatbots.knowledge.documents import Document
from chatbots.knowledge.extraction.texts import read_markdown

FOLDER = Path(__file__).with_name("shop")


def corpus() -> Corpus:
    pages = re.split(r"^% .+\n", (FOLDER / "pages.md").read_text(encoding="utf-8"), flags=re.M)[1:]
    documents = [read_markdown(page).document for page in pages]
    kinds = tomllib.loads((FOLDER / "questions.toml").read_text(encoding="utf-8"))
    questions = []
    for kind, asked in kinds.items():
        if "questions" in asked:
            questions += [Question(text, kind) for text in asked["questions"]]
        else:
            questions += [
                Question(text, kind, section_with(words, documents))
                for text, words in asked.items()
            ]
    return Corpus("shop", documents, questions)


def section_with(words: str, documents: list[Document]) -> Section:
    """Return the section, or the row or item, in which the words stand."""
    for document in documents:
        for block in document.blocks:
            if words in block.text or words in block.headings or words in document.title:
                return Section.of(
                    other.text for other in document.blocks if other.headings == block.headings
                )
    raise ValueError(f"{words!r} stands in no page")
