"""The open set: FAQs and manuals out of Debian's packages, fetched and never committed.

Their headings are questions, and what stands below one is its answer.
"""

import random
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.answers import shop
from benchmarks.answers.cases import Corpus, Question, Section
from benchmarks.answers.wordings import NEAR, TALK, WRITTEN
from chatbots.knowledge.documents import Block, Document, Kind
from chatbots.knowledge.extraction.html import read_html
from chatbots.knowledge.extraction.reading import Outline

PACKAGES = ("python3.11-doc", "debian-faq", "debian-handbook", "perl-doc")
DOC = "usr/share/doc"
FOLDERS = {
    "python": (
        f"{DOC}/python3.11-doc/html/faq/*.html",
        f"{DOC}/python3.11-doc/html/tutorial/[a-c]*.html",
    ),
    "debian": (f"{DOC}/debian/FAQ/*.en.html", f"{DOC}/debian-handbook/html/en-US/sect.[a-d]*.html"),
    "perl": ("usr/share/perl/5.36.0/pod/perlfaq[1-9].pod",),
}
FAQS = re.compile(r"/faq/|/FAQ/|perlfaq")
ABOUT = {"python": "Python", "debian": "Debian", "perl": "Perl"}
# Whose questions are strange to whom; Perl's FAQ and Python's ask much the same.
FOREIGN = {"python": ("debian",), "debian": ("python", "perl"), "perl": ("debian",)}
NUMBER = re.compile(r"^[\d.]+\s+")
IDENTIFIER = re.compile(r"(?<![\w.-])(?:\w+(?:[._]\w+)+|--\w[\w-]+|\w+::\w+)(?:\(\))?(?![\w.-])")
SHORTEST_ANSWER = 120
# What shoppers ask in English is strange to every manual.
OF_SHOPPERS = {"words", "meaning", "identifiers"}
# Of each kind that is drawn at random.
DRAWN = 40


def fetch(folder: Path) -> None:
    """Download and unpack the packages, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not list(folder.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", "--quiet", package], cwd=folder, check=True)
            (archive,) = folder.glob(f"{package}_*.deb")
            subprocess.run(["dpkg", "-x", archive.name, "."], cwd=folder, check=True)


def corpora(folder: Path, *, with_headings: bool) -> list[Corpus]:
    documents = {
        name: [read(path) for pattern in patterns for path in sorted(folder.glob(pattern))]
        for name, patterns in FOLDERS.items()
    }
    sections = {name: dict(faq_sections(folder, name)) for name in FOLDERS}
    return [
        Corpus(
            name,
            [
                document if with_headings else headless(document, sections[name])
                for document in documents[name]
            ],
            list(questions(name, documents[name], sections)),
            "" if with_headings else ", without headings",
        )
        for name in FOLDERS
    ]


def read(path: Path) -> Document:
    if path.suffix == ".pod":
        return read_pod(path.name, path.read_text(encoding="utf-8", errors="replace"))
    return clean(read_html(path.read_bytes()).document)


def clean(document: Document) -> Document:
    """Return the document without anchors and numbers in its headings."""
    return replace(
        document,
        title=NUMBER.sub("", document.title.replace("¶", "").strip()),
        blocks=tuple(
            replace(
                block,
                headings=tuple(
                    NUMBER.sub("", title.replace("¶", "").strip()) for title in block.headings
                ),
            )
            for block in document.blocks
        ),
    )


def read_pod(title: str, pod: str) -> Document:
    outline = Outline()
    for paragraph in re.split(r"\n\s*\n", pod):
        command = re.match(r"=(\w+)\s*(.*)", paragraph, re.DOTALL)
        if paragraph.startswith((" ", "\t")):
            outline.add(paragraph.strip("\n"), Kind.CODE)
        elif command is None:
            outline.add(unmarked(paragraph))
        elif command[1].startswith("head"):
            outline.add_heading(int(command[1][4:]), unmarked(command[2]))
        elif command[1] == "item":
            outline.add(unmarked(command[2]).lstrip("* "), Kind.LIST_ITEM)
    return Document(title.removesuffix(".pod"), tuple(outline.blocks), "en")


def unmarked(pod: str) -> str:
    text = " ".join(pod.split())
    for _ in range(3):
        text = re.sub(r"[BCEFILSX]<(?:<+ )?([^<>]*)(?: >+)?>", r"\1", text)
    return re.sub(r"\b(?:lt|gt)\b", "", text) if "E<" in pod else text


def faq_sections(folder: Path, name: str) -> Iterator[tuple[str, Section]]:
    """Yield the FAQs' questions and what stands below them."""
    texts: dict[str, list[str]] = defaultdict(list)
    for block in faq_blocks(folder, name):
        for heading in filter(is_question, block.headings):
            texts[heading].append(block.text)
    for heading, blocks in texts.items():
        if len(" ".join(blocks)) >= SHORTEST_ANSWER:
            yield heading, Section.of(blocks)


def faq_blocks(folder: Path, name: str) -> Iterator[Block]:
    for pattern in FOLDERS[name]:
        for path in sorted(folder.glob(pattern)):
            if FAQS.search(str(path)):
                yield from read(path).blocks


def is_question(heading: str) -> bool:
    return heading.endswith("?") or bool(re.match(r"(?:How|What|Why|Where|Is|Are|Can) ", heading))


def headless(document: Document, asked: Mapping[str, Section]) -> Document:
    """Return the document without the headings that are asked."""
    blocks = tuple(
        Block(
            block.text, tuple(title for title in block.headings if title not in asked), block.kind
        )
        for block in document.blocks
    )
    return replace(document, blocks=blocks)


def questions(
    name: str, documents: Sequence[Document], sections: Mapping[str, Mapping[str, Section]]
) -> Iterator[Question]:
    chance = random.Random(name)
    own = sections[name]
    for heading, section in own.items():
        yield Question(heading, "headings", section)
    for start, wording in WRITTEN[name].items():
        asked = next((heading for heading in own if heading.startswith(start)), None)
        if asked:
            yield Question(wording, "visitors", own[asked])
    for identifier, section in rare_identifiers(documents, chance):
        yield Question(f"what is {identifier}", "identifiers", section)
    yield from strange_questions(name, sections, chance)


def strange_questions(
    name: str, sections: Mapping[str, Mapping[str, Section]], chance: random.Random
) -> Iterator[Question]:
    """Yield what a manual does not answer."""
    others = [heading for other in FOREIGN[name] for heading in sections[other]]
    for heading in chance.sample(others, DRAWN):
        yield Question(heading, "foreign")
    for question in shop.corpus().questions:
        if question.kind in OF_SHOPPERS:
            yield Question(question.text, "another trade")
    for template in NEAR:
        yield Question(template.format(about=ABOUT[name]), "shop talk")
    for text in TALK:
        yield Question(text, "small talk")


def rare_identifiers(
    documents: Sequence[Document], chance: random.Random
) -> list[tuple[str, Section]]:
    """Draw identifiers that stand below one heading only."""
    places: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    texts: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for document in documents:
        for block in document.blocks:
            place = (document.title, *block.headings)
            texts[place].append(block.text)
            if block.kind is not Kind.CODE:
                for identifier in IDENTIFIER.findall(block.text):
                    places[identifier].add(place)
    rare = sorted(
        identifier
        for identifier, where in places.items()
        if len(where) == 1 and len(identifier) > 5 and not re.match(r"\d|www\.", identifier)
    )
    return [
        (identifier, Section.of(texts[next(iter(places[identifier]))]))
        for identifier in chance.sample(rare, DRAWN)
    ]
