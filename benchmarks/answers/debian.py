"""The open sets: FAQs and manuals out of Debian's packages, fetched and never committed.

Their headings are questions, and what stands below one is its answer.
"""

import random
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.answers import shop
from benchmarks.answers.cases import Corpus, Question, Section
from benchmarks.answers.manuals import Manual, ManualSet
from chatbots.knowledge.documents import Block, Document, Kind
from chatbots.knowledge.extraction.html import read_html
from chatbots.knowledge.extraction.reading import Outline

# "3.1.", "A.2.1", "G12." or "(4)".
NUMBER = re.compile(r"^(?:[\d.]+|[A-Z](?:\.\d+){2,}|[A-Z]\d+\.|\(\d+\))\s+")
# Texinfo's line of links repeats the question above it and answers none.
LINKS = re.compile(r"(?:Next|Previous|Up): .*\[Contents\]")
# MediaWiki ends a page with its address.
ADDRESS = re.compile(r'Retrieved from "')
# SQLite's FAQ has its questions in paragraphs.
QUESTION_IN_BOLD = re.compile(rb"<p><b>(\(\d+\).*?)</b></p>", re.DOTALL)
# DocBook has them in the second cell of a row.
QUESTION_IN_ROW = re.compile(
    rb'<tr class="question">.*?<td[^>]*>(?:(?!</td>).)*</td>\s*<td[^>]*>(.*?)</td></tr>', re.DOTALL
)
IDENTIFIER = re.compile(r"(?<![\w.-])(?:\w+(?:[._]\w+)+|--\w[\w-]+|\w+::\w+)(?:\(\))?(?![\w.-])")
# Addresses, versions and references to other sections ("A.2.16") are none.
NO_IDENTIFIER = re.compile(r"\d|www\.|[A-Z]\.\d")
SHORTEST_ANSWER = 120
# What shoppers ask in English is strange to every manual.
OF_SHOPPERS = {"words", "meaning", "identifiers"}
# Of each kind that is drawn at random, where there are as many.
DRAWN = 40


def fetch(folder: Path, chosen: ManualSet) -> None:
    """Download and unpack the manuals' packages, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in (package for manual in chosen.manuals for package in manual.packages):
        if not list(folder.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", "--quiet", package], cwd=folder, check=True)
            (archive,) = folder.glob(f"{package}_*.deb")
            subprocess.run(["dpkg", "-x", archive.name, "."], cwd=folder, check=True)


def corpora(folder: Path, chosen: ManualSet, *, with_headings: bool) -> list[Corpus]:
    faqs = {manual.name: read_all(folder, manual.faqs) for manual in chosen.manuals}
    sections = {name: dict(faq_sections(documents)) for name, documents in faqs.items()}
    return [
        corpus(
            chosen,
            manual,
            [*faqs[manual.name], *read_all(folder, manual.pages)],
            sections,
            with_headings=with_headings,
        )
        for manual in chosen.manuals
    ]


def corpus(
    chosen: ManualSet,
    manual: Manual,
    documents: Sequence[Document],
    sections: Mapping[str, Mapping[str, Section]],
    *,
    with_headings: bool,
) -> Corpus:
    own = sections[manual.name]
    return Corpus(
        manual.name,
        documents if with_headings else [headless(document, own) for document in documents],
        list(questions(chosen, manual, documents, sections)),
        "" if with_headings else ", without headings",
    )


def read_all(folder: Path, patterns: Iterable[str]) -> list[Document]:
    return [read(path) for pattern in patterns for path in sorted(folder.glob(pattern))]


def read(path: Path) -> Document:
    if path.suffix == ".pod":
        return read_pod(path.name, path.read_text(encoding="utf-8", errors="replace"))
    markup = QUESTION_IN_BOLD.sub(rb"<h3>\1</h3>", path.read_bytes())
    markup = QUESTION_IN_ROW.sub(rb"<tr><td><h4>\1</h4></td></tr>", markup)
    return clean(read_html(markup).document)


def clean(document: Document) -> Document:
    """Return the document without its address, and anchors and numbers in its headings."""
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
            if not ADDRESS.match(block.text)
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


def faq_sections(faqs: Iterable[Document]) -> Iterator[tuple[str, Section]]:
    """Yield the FAQs' questions and what stands below them."""
    texts: dict[str, list[str]] = defaultdict(list)
    for block in (block for document in faqs for block in document.blocks):
        if not LINKS.fullmatch(block.text):
            for heading in filter(is_question, block.headings):
                texts[heading].append(block.text)
    for heading, blocks in texts.items():
        if len(" ".join(blocks)) >= SHORTEST_ANSWER:
            yield heading, Section.of(blocks)


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
    chosen: ManualSet,
    manual: Manual,
    documents: Sequence[Document],
    sections: Mapping[str, Mapping[str, Section]],
) -> Iterator[Question]:
    chance = random.Random(manual.name)
    own = sections[manual.name]
    for heading, section in own.items():
        yield Question(heading, "headings", section)
    for start, wording in manual.wordings.items():
        asked = next((heading for heading in own if heading.startswith(start)), None)
        if asked:
            yield Question(wording, "visitors", own[asked])
    for identifier, section in rare_identifiers(documents, chance):
        yield Question(f"what is {identifier}", "identifiers", section)
    yield from strange_questions(chosen, manual, sections, chance)


def strange_questions(
    chosen: ManualSet,
    manual: Manual,
    sections: Mapping[str, Mapping[str, Section]],
    chance: random.Random,
) -> Iterator[Question]:
    """Yield what a manual does not answer."""
    others = [heading for other in chosen.strange_to(manual) for heading in sections[other]]
    for heading in chance.sample(others, min(DRAWN, len(others))):
        yield Question(heading, "foreign")
    for question in shop.corpus().questions:
        if question.kind in OF_SHOPPERS:
            yield Question(question.text, "another trade")
    for template in chosen.near:
        yield Question(template.format(about=manual.about), "shop talk")
    for text in chosen.talk:
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
        if len(where) == 1 and len(identifier) > 5 and not NO_IDENTIFIER.match(identifier)
    )
    return [
        (identifier, Section.of(texts[next(iter(places[identifier]))]))
        for identifier in chance.sample(rare, min(DRAWN, len(rare)))
    ]
