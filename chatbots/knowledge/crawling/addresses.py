"""One address for each page, and which of them belong to a site. Pure."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

import httpx2

MAX_LENGTH = 2000
# What follows people or acts on a page, and does not change what it says.
IRRELEVANT = re.compile(
    r"utm_\w+|gclid|gbraid|wbraid|dclid|fbclid|msclkid|yclid|twclid|igshid|mc_[ce]id|_ga|_gl"
    r"|_hs\w+|phpsessid|jsessionid|sid|sessionid|replytocom|add-to-cart|add_to_wishlist|share",
    re.IGNORECASE,
)
ESCAPE = re.compile("%([0-9a-fA-F]{2})")
UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
SESSION_IN_PATH = re.compile(r";jsessionid=[^/?]*", re.IGNORECASE)
# Of what no page is made.
OTHER_SUFFIX = re.compile(
    r"\.(7z|apk|atom|avi|avif|bmp|bz2|css|dmg|docm?|eot|epub|exe|flac|gif|gz|ico|ics|iso|jar|jpe?g"
    r"|js|json|m4a|m4v|map|mjs|mkv|mov|mp3|mp4|mpe?g|msi|od[pst]|og[gv]|otf|pkg|png|ppt|rar|rss"
    r"|rtf|svg|tar|tgz|tiff?|ttf|wav|web[mp]|webmanifest|wmv|woff2?|xlsx?|xml|xz|zip)",
    re.IGNORECASE,
)


def canonical(url: str) -> str:
    """Return the one spelling of an address that is used here. Raises ValueError for none."""
    try:
        parsed = httpx2.URL(ESCAPE.sub(unescaped, url.strip()))
    except httpx2.InvalidURL as error:
        raise ValueError("no address") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise ValueError("no address of a page")
    path, _, query = parsed.raw_path.decode("ascii").partition("?")
    parts = [part for part in query.split("&") if part and is_relevant(part)]
    target = (SESSION_IN_PATH.sub("", path) or "/") + ("?" + "&".join(parts) if parts else "")
    return str(parsed.copy_with(raw_path=target.encode("ascii"), fragment=None))


def unescaped(escape: re.Match[str]) -> str:
    """Return a character that needs no escape, or the escape in capitals."""
    character = chr(int(escape[1], 16))
    return character if UNRESERVED.fullmatch(character) else escape[0].upper()


def is_relevant(part: str) -> bool:
    """Say whether a part of a query may change what a page says."""
    return not IRRELEVANT.fullmatch(part.partition("=")[0])


def site_of(url: str) -> tuple[str, int | None]:
    """Return what the addresses of a site have in common: the host, with or without `www.`."""
    parsed = httpx2.URL(url)
    return parsed.raw_host.decode("ascii").removeprefix("www."), parsed.port


def is_page(url: str) -> bool:
    """Say whether an address may lead to a page or document."""
    return not OTHER_SUFFIX.fullmatch(PurePosixPath(httpx2.URL(url).path).suffix)


def pages_among(links: Iterable[str], site: tuple[str, int | None]) -> list[str]:
    """Return the canonical addresses of a site's pages among links, each once."""
    found: dict[str, None] = {}
    for link in links:
        try:
            url = canonical(link)
        except ValueError:
            continue
        if len(url) <= MAX_LENGTH and site_of(url) == site and is_page(url):
            found[url] = None
    return list(found)


def root_of(url: str) -> str:
    """Return the address of the front page of the same host."""
    return str(httpx2.URL(url).copy_with(raw_path=b"/", fragment=None))


def typed(text: str) -> str:
    """Return the address that people mean: `shop.example` is `https://shop.example`."""
    text = text.strip()
    return text if re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE) else f"https://{text}"
