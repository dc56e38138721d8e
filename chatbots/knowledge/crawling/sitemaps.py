"""Reading sitemaps: lists of a site's pages, or of further sitemaps. Pure.

They are searched for addresses rather than parsed as XML: there is nothing else to read in them,
none of XML's dangers, and many are not well-formed.
"""

import html
import re
import zlib
from typing import NamedTuple

MAX_BYTES = 5 * 1024 * 1024
LOCATION = re.compile(r"<loc>\s*(?:<!\[CDATA\[)?\s*([^<\]\s]+)", re.IGNORECASE)
IS_INDEX = re.compile(r"<sitemapindex\b", re.IGNORECASE)
GZIP = b"\x1f\x8b"


class Sitemap(NamedTuple):
    pages: list[str]
    sitemaps: list[str]


def read_sitemap(content: bytes) -> Sitemap:
    """Return what a sitemap lists; nothing where it is none."""
    text = unpacked(content).decode("utf-8", "replace")
    locations = [html.unescape(found) for found in LOCATION.findall(text)]
    return Sitemap([], locations) if IS_INDEX.search(text) else Sitemap(locations, [])


def unpacked(content: bytes) -> bytes:
    if not content.startswith(GZIP):
        return content
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content, MAX_BYTES)
    except zlib.error:
        return b""
