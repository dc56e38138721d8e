"""Taking a passage apart into sentences under their headings. Pure."""

import re
from dataclasses import dataclass, field

# A sentence ends with an end mark and what closes after it, where another one can begin.
BOUNDARY = re.compile(r"([.!?][\"')\]]*)\s+(?=[\"'(\[`]*[A-Z0-9À-ÖØ-Þ])")
HEADING = re.compile(r"#{1,6}\s+(?P<markdown>.*?)\s*#*|(?P<lead>.*[?:])")
ITEM = re.compile(r"([-*+•]|\d+[.)])\s+|\|")
FENCE = re.compile(r"```|~~~")


@dataclass(frozen=True, slots=True)
class Section:
    """Sentences that follow one another, and the heading or question that they stand under."""

    heading: str
    sentences: list[str] = field(default_factory=list)


def sections(text: str) -> list[Section]:
    """Take a text apart; lines that a paragraph was wrapped into are joined again."""
    found = [Section("")]
    for block in blocks(text):
        heading = HEADING.fullmatch(block)
        if heading is not None:
            found.append(Section(heading["markdown"] or heading["lead"] or ""))
        else:
            found[-1].sentences.extend(BOUNDARY.sub(r"\1\n", block).split("\n"))
    return [section for section in found if section.sentences]


def blocks(text: str) -> list[str]:
    """Return paragraphs, list items and headings, each on one line."""
    found: list[str] = []
    joins = False
    for raw in text.splitlines():
        line = raw.strip()
        starts = not joins or bool(ITEM.match(line)) or line.startswith("#")
        if not line or FENCE.match(line):
            joins = False
        elif starts:
            found.append(line)
            joins = not line.startswith(("#", "|")) and not line.endswith("?")
        else:
            found[-1] += f" {line}"
    return found
