"""Kinds of environment variable: a type, its check, and in words what is expected."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from insitechat.environment import addresses

REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster", "redis+sentinel")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a variable has to be, in words. A secret's value is never quoted."""

    words: str
    is_secret: bool = False


def readable_by(read: Callable[[str], object]) -> AfterValidator:
    """Return a validator that keeps the text if it can be read."""

    def check(text: str) -> str:
        read(text)
        return text

    return AfterValidator(check)


def split(text: object) -> object:
    if not isinstance(text, str):
        return text
    return [word.strip() for word in text.split(",") if word.strip()]


def web_url(text: str) -> None:
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.port == 0:
        raise ValueError("no web address")


def public_url(text: str) -> str:
    text = text.rstrip("/")
    web_url(text)
    url = urlsplit(text)
    if url.path or url.query or url.fragment or url.username:
        raise ValueError("more than scheme, host and port")
    return text


def redis_url(text: str) -> None:
    scheme, found, _ = text.partition("://")
    if not found or scheme not in REDIS_SCHEMES:
        raise ValueError("no address of Redis")


def proxy_addresses(text: str) -> None:
    for address in text.split(","):
        if address.strip() != "*":
            ipaddress.ip_network(address.strip())


Text = Annotated[str, Expected("a text")]
Secret = Annotated[str, Expected("a text", is_secret=True)]
Secrets = Annotated[
    list[str], BeforeValidator(split), Expected("texts separated by commas", is_secret=True)
]
Words = Annotated[list[str], BeforeValidator(split), Expected("words separated by commas")]
Switch = Annotated[bool, Expected("true or false")]
Count = Annotated[int, Field(ge=1), Expected("a whole number, 1 or more")]
CountOrNone = Annotated[int, Field(ge=0), Expected("a whole number, 0 or more")]
Port = Annotated[int, Field(ge=1, le=65535), Expected("a number from 1 to 65535")]
PortOrNone = Annotated[
    int, Field(ge=0, le=65535), Expected("a number from 1 to 65535, or 0 for no port")
]
Seconds = Annotated[
    float, Field(gt=0, allow_inf_nan=False), Expected("a number of seconds, more than 0")
]
PublicUrl = Annotated[
    str,
    AfterValidator(public_url),
    Expected("http:// or https://, a host, a port if it is an unusual one, and nothing more"),
]
WebUrl = Annotated[str, readable_by(web_url), Expected("an http:// or https:// URL")]
WebUrlOrNone = Annotated[
    str, readable_by(lambda text: text and web_url(text)), Expected("an http:// or https:// URL")
]
DatabaseUrl = Annotated[
    str,
    readable_by(addresses.database),
    Expected("a URL like postgresql://user:password@host:5432/name", is_secret=True),
]
RedisUrl = Annotated[
    str,
    readable_by(redis_url),
    Expected(f"a URL like redis://host:6379/0 ({', '.join(REDIS_SCHEMES)})", is_secret=True),
]
MailUrl = Annotated[
    str,
    readable_by(addresses.mail),
    Expected(
        "a URL like smtp+tls://user:password@host:587 (smtp, smtp+tls, smtp+ssl)", is_secret=True
    ),
]
ProxyAddresses = Annotated[
    str,
    readable_by(proxy_addresses),
    Expected("IP addresses or networks, separated by commas, or *"),
]
SignUp = Annotated[Literal["open", "closed"], Expected("open or closed")]
EmbedderName = Annotated[
    Literal["minilm", "openai", "gemini", "ollama"], Expected("minilm, openai, gemini or ollama")
]
LogFormat = Annotated[Literal["text", "json"], Expected("text or json")]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    Expected("DEBUG, INFO, WARNING, ERROR or CRITICAL"),
]
