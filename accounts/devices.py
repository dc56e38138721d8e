"""Browsers and programs, as their User-Agent header names them."""

from ua_parser import parse


def device(user_agent: str) -> str:
    """Return a description such as “Firefox on Linux”; empty if nothing is recognised."""
    parsed = parse(user_agent)
    names = (parsed.user_agent, parsed.os)
    return " on ".join(name.family for name in names if name is not None)
