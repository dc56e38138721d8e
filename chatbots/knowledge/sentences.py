"""Splitting a paragraph into its sentences. Pure."""

import re

# A sentence ends with an end mark and what closes after it, where another can begin.
BOUNDARY = re.compile(
    r"(?<=[.!?…])(?P<closing>[\"'”’»)\]]*)\s+(?=[\"'“‘«(\[`]*[A-Z0-9À-ÖØ-ÞА-Я¿¡])|(?<=[。！？])"
)
# What ends with a full stop and seldom ends a sentence.
ABBREVIATION = re.compile(
    r"(?:^|[\s(\[])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|approx|incl|excl|min|max|No|Nr|"
    r"Fig|Inc|Ltd|Co|z\.B|ca|bzw|usw|evtl|inkl|ggf|Abs|Art|Str|Tel)\.$"
)


def sentences(paragraph: str) -> list[str]:
    """Return the sentences, whose texts joined by spaces are the paragraph's words."""
    result: list[str] = []
    start = 0
    for match in BOUNDARY.finditer(paragraph):
        end = match.end("closing") if match["closing"] else match.start()
        if not ABBREVIATION.search(paragraph[start:end]):
            result.append(" ".join(paragraph[start:end].split()))
            start = match.end()
    result.append(" ".join(paragraph[start:].split()))
    return [sentence for sentence in result if sentence]


def pieces(sentence: str, length: int) -> list[str]:
    """Split a sentence that is longer than length between words, and long words anywhere."""
    result = [""]
    for word in sentence.split(" "):
        for part in (word[start : start + length] for start in range(0, len(word), length)):
            if len(result[-1]) + 1 + len(part) > length:
                result.append("")
            result[-1] = f"{result[-1]} {part}".strip()
    return [piece for piece in result if piece]
