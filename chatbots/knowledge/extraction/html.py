"""Reading HTML: what a page says, where it leads, and what it wishes of robots."""

import re
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from chatbots.knowledge.documents import Document
from chatbots.knowledge.extraction.blocks import read_blocks
from chatbots.knowledge.extraction.characters import decode, line
from chatbots.knowledge.extraction.reading import Reading

MAX_LINKS = 5_000
# Never shown, or no text of the page's own.
UNSEEN = (
    "script, style, template, svg, math, canvas, iframe, object, embed, audio, video, map, head,"
    " select, datalist, textarea, input, dialog:not([open]), .sr-only, .visually-hidden,"
    " .screen-reader-text, [aria-hidden=true]"
)
# What generators of documentation let headings, terms and captions end with: a sign that links to
# the place where it stands.
ANCHORED = ("h1", "h2", "h3", "h4", "h5", "h6", "dt", "caption", "figcaption", "summary")
ANCHORS = ", ".join((*(f"{tag} a[href*='#']" for tag in ANCHORED), "a.headerlink"))
ANCHOR = re.compile(r"[¶#§∞🔗⚓\ufe0e\ufe0f]*")
HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|(?<![\w-])opacity\s*:\s*0*\.?0+\s*(;|!|$)"
    r"|font-size\s*:\s*0*\.?0+\s*(;|!|$|[a-z%])|text-indent\s*:\s*-\d{3}|(left|top)\s*:\s*-\d{4}",
    re.IGNORECASE,
)
# What stands around the content on every page.
AROUND = (
    "nav, form[role=search], [role=navigation], [role=search], [role=dialog], [role=alertdialog],"
    " [aria-label=breadcrumb], .breadcrumb, .breadcrumbs"
)
AROUND_BODY = "header, footer, aside, [role=banner], [role=contentinfo], [role=complementary]"
MAINS = ("main", "[role=main]", "article", "#content", "#main", ".content")
# A main element with less than this share of the page's text is not where its content is.
MAIN_SHARE = 0.25
ROBOTS = "meta[name=robots i], meta[name=insitechat i]"
# Below this a page that runs scripts shows nothing by itself.
FEW_CHARACTERS = 200
MOUNT_POINTS = "#root, #app, #__next, #__nuxt, [ng-app], app-root"


def read_html(content: bytes, *, url: str = "", charset: str = "") -> Reading:
    """Read a page. Links are absolute where the page's address is given. Raises Unreadable."""
    return read_markup(decode(content, charset or declared_charset(content)), url=url)


def read_markup(markup: str, *, url: str = "") -> Reading:
    tree = LexborHTMLParser(markup)
    directives = robots_directives(tree)
    base = urljoin(url, attribute(tree.css_first("base[href]"), "href"))
    canonical = attribute(tree.css_first("link[rel=canonical i]"), "href")
    links = read_links(tree, base)
    head = tree.css_first("title")
    head_title = line(head.text()) if head else ""
    language = attribute(tree.css_first("html"), "lang").strip().lower()[:2]
    runs_scripts = tree.css_first("script") is not None
    awaits_scripts = tree.css_first(MOUNT_POINTS) is not None or any(
        "javascript" in (node.html or "").lower() for node in tree.css("noscript")
    )
    remove_unseen(tree)
    remove_anchors(tree)
    title, blocks = read_blocks(content_of(tree), head_title)
    size = sum(len(block.text) for block in blocks)
    return Reading(
        document=Document(title, blocks, language if language.isalpha() else ""),
        links=links,
        canonical=urljoin(base, canonical) if canonical else "",
        may_index=not directives & {"noindex", "none"},
        may_follow=not directives & {"nofollow", "none"},
        needs_javascript=runs_scripts and size < FEW_CHARACTERS and (awaits_scripts or not size),
    )


def declared_charset(content: bytes) -> str:
    found = re.search(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", content[:2048], re.IGNORECASE)
    return found.group(1).decode("ascii", "replace") if found else ""


def attribute(node: LexborNode | None, name: str) -> str:
    return (node.attributes.get(name) or "").strip() if node else ""


def robots_directives(tree: LexborHTMLParser) -> set[str]:
    return {
        directive.strip().lower()
        for node in tree.css(ROBOTS)
        for directive in attribute(node, "content").split(",")
    }


def read_links(tree: LexborHTMLParser, base: str) -> tuple[str, ...]:
    """Return the addresses that the page's links lead to, in order, each once."""
    found: dict[str, None] = {}
    for node in tree.css("a[href]:not([rel~=nofollow i])"):
        try:
            found[urljoin(base, attribute(node, "href"))] = None
        except ValueError:  # no address at all
            continue
        if len(found) == MAX_LINKS:
            break
    return tuple(found)


def remove_unseen(tree: LexborHTMLParser) -> None:
    """Remove what people do not see. What a control can open, such as a tab's panel, stays."""
    for node in tree.css(f"{UNSEEN}, noscript"):
        node.decompose()
    opened = {
        name
        for node in tree.css("[aria-controls]")
        for name in attribute(node, "aria-controls").split()
    }
    for node in tree.css("[hidden], [style]"):
        is_hidden = "hidden" in node.attributes or HIDDEN.search(attribute(node, "style"))
        if is_hidden and node.attributes.get("id") not in opened:
            node.decompose()


def remove_anchors(tree: LexborHTMLParser) -> None:
    for node in tree.css(ANCHORS):
        if ANCHOR.fullmatch(line(node.text())):
            node.decompose()


def content_of(tree: LexborHTMLParser) -> LexborNode | None:
    """Return the element that has the page's content, without what stands around it."""
    body = tree.body
    if body is None:
        return None
    everything = len(body.text())
    for selector in MAINS:
        found = tree.css(selector)
        if len(found) == 1 and len(found[0].text()) >= MAIN_SHARE * everything:
            remove(found[0], AROUND)
            return found[0]
    remove(body, f"{AROUND}, {AROUND_BODY}")
    return body


def remove(node: LexborNode, selector: str) -> None:
    for unwanted in node.css(selector):
        if unwanted.mem_id != node.mem_id:
            unwanted.decompose()
