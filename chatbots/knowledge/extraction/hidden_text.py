"""Leaving out the text of Word documents that is formatted as hidden, which mammoth reads."""

import io
import re
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from chatbots.knowledge.extraction.archives import read_part, read_xml

# In UTF-8 or UTF-16.
VANISH = re.compile(rb"v\0?a\0?n\0?i\0?s\0?h")
PARTS = (".xml", ".rels")
OFF = frozenset({"0", "false", "off"})
# Fields span runs: what begins and ends them stays, or the rest would not be read as it should.
KEPT = ("rPr", "fldChar", "instrText")


def without_hidden_text(content: bytes, archive: ZipFile) -> bytes:
    """Return the document without hidden text and pictures; as it is where nothing is hidden.

    Reads all of its parts. Raises Unreadable.
    """
    names = [name for name in archive.namelist() if name.endswith(PARTS)]
    if not [name for name in names if VANISH.search(read_part(archive, name))]:
        return content
    hidden_styles = hiding_styles(read_xml(archive, name) for name in names)
    made = io.BytesIO()
    with ZipFile(made, "w") as shown:
        for name in names:
            tree = read_xml(archive, name)
            clear_hidden_runs(tree, hidden_styles)
            shown.writestr(name, ElementTree.tostring(tree, "utf-8"))
    return made.getvalue()


def hiding_styles(trees: Iterable[Element]) -> frozenset[str]:
    """Return the ids of the styles that hide text, by themselves or by those they are based on."""
    hides: dict[str, bool | None] = {}
    bases: dict[str, str] = {}
    for tree in trees:
        for style in tree.iterfind("{*}style"):
            name = value(style, "styleId")
            hides[name], bases[name] = vanishes(style), value(style.find("{*}basedOn"))

    def hides_text(style: str) -> bool:
        seen: set[str] = set()
        while hides.get(style) is None and style not in seen:
            seen.add(style)
            style = bases.get(style, "")
        return bool(hides.get(style))

    return frozenset(filter(hides_text, hides))


def clear_hidden_runs(tree: Element, hidden_styles: frozenset[str]) -> None:
    namespace = tree.tag[: tree.tag.find("}") + 1]
    paragraph, run = f"{namespace}p", f"{namespace}r"
    kept = {f"{namespace}{name}" for name in KEPT}
    waiting = [(tree, False)]  # whether the style of the paragraph around it hides
    while waiting:
        element, is_hidden = waiting.pop()
        if element.tag == paragraph:
            is_hidden = value(element.find("{*}pPr/{*}pStyle")) in hidden_styles
        elif element.tag == run and hides_run(element, hidden_styles, is_hidden=is_hidden):
            element[:] = [child for child in element if child.tag in kept]
        waiting += [(child, is_hidden) for child in element]


def hides_run(run: Element, hidden_styles: frozenset[str], *, is_hidden: bool) -> bool:
    own = vanishes(run)
    if own is not None:
        return own
    return is_hidden or value(run.find("{*}rPr/{*}rStyle")) in hidden_styles


def vanishes(element: Element) -> bool | None:
    """Return whether a run's or a style's own properties hide it; None if they say nothing."""
    vanish = element.find("{*}rPr/{*}vanish")
    return None if vanish is None else value(vanish) not in OFF


def value(element: Element | None, name: str = "val") -> str:
    attributes = element.attrib.items() if element is not None else ()
    return next((text for key, text in attributes if key.rpartition("}")[2] == name), "")
