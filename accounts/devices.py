"""What a person sees of a User-Agent header."""

from ua_parser import parse


def device(user_agent: str) -> str:
    """Return “Firefox on Linux”; empty where neither can be told."""
    parsed = parse(user_agent)
    names = (parsed.user_agent, parsed.os)
    return " on ".join(name.family for name in names if name is not None)
