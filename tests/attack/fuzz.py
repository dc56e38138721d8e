"""Damaged headers and paths, by the ten thousand."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.attack.report import Result
from tests.attack.wire import Answer, Wire

THREADS = 8
LISTING = b"/api/v1/chatbots"
PIECES = (
    *(b"ic_", b"Bearer", b"bearer ", b"Basic ", b" ", b"\t", b",", b";", b"=", b"%00", b"\x80"),
    *(b"\xff\xfe", b"\xc3\xa9", b"'", b'"', b"null", b"0", b"..", b"\\", b"{}", b"A" * 300),
)
SEGMENTS = (
    *(b"api", b"v1", b"v2", b"chatbots", b"api-keys", b"keys", b"found", b"chat", b"sources"),
    *(b"admin", b"dashboard", b"developer", b"account", b"sign-in", b"static", b"core", b".."),
    *(b".", b"", b"%2e%2e", b"%2f", b"%00", b"%ff", b"%c0%af", b";", b"?", b"%", b"%zz", b"~"),
    *(b"00000000-0000-0000-0000-000000000000", b"1", b"-1", b"etc", b"passwd", b"settings.py"),
    *(b"a" * 2000, b"\xc3\xa9", b"%F0%9F%98%80", b"%0d%0a", b"*", b"'", b"|", b"*.env"),
)
QUERIES = (b"", b"?limit=0", b"?limit=1e9", b"?after=", b"?page=-1", b"?%00", b"?deleted=x", b"??")
METHODS = (b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"POST", b"BREW")
# What anybody may read; addresses without a slash at their end lead there.
PUBLIC = (b"/api/v1/docs", b"/api/v1/openapi.json", b"/healthz", b"/readyz", b"/static/")
PAGES = (b"/sign-in/", b"/sign-up/", b"/forgotten-password/", b"/confirm-email/", b"/disabled/")


def damage(good: bytes, chance: random.Random) -> bytes:
    """Return the good header value with one to three changes."""
    value = bytearray(good)
    for _ in range(chance.randint(1, 3)):
        position = chance.randrange(len(value) + 1)
        match chance.randrange(6):
            case 0:
                value[position:position] = bytes([chance.randrange(256)])
            case 1:
                del value[position : position + chance.randint(1, 4)]
            case 2 if position < len(value):
                value[position] = chance.randrange(256)
            case 3 if position < len(value):
                value[position] ^= 0x20  # another case
            case 4:
                value[position:position] = chance.choice(PIECES)
            case _:
                value[:] = value[:position] + value[:position] + value[position:]
    return bytes(value)


def is_good_key(value: bytes, key: bytes) -> bool:
    """Say whether a header value is the key's all the same: a scheme in any case, then blanks."""
    scheme, _, token = value.strip(b" \t").partition(b" ")
    return scheme.lower() == b"bearer" and token.strip(b" ") == key


def authorizations(key: bytes, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    while True:
        value = damage(b"Bearer " + key, chance)
        if not is_good_key(value, key):
            yield value


def header_request(value: bytes) -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n\r\n" % (LISTING, value)


def targets(seed: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield methods and request targets."""
    chance = random.Random(seed)
    while True:
        segments = chance.choices(SEGMENTS, k=chance.randint(1, 7))
        if chance.random() < 0.5:
            segments[:0] = (b"api", b"v1")
        target = b"/" + b"/".join(segments) + chance.choice((b"", b"/")) + chance.choice(QUERIES)
        yield chance.choice(METHODS), target


def path_request(method: bytes, target: bytes) -> bytes:
    return b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n" % (method, target)


def may_be_read(target: bytes) -> bool:
    path = target.partition(b"?")[0]
    return path in PUBLIC or path.startswith((b"/static/", *PAGES))


def fuzz_headers(url: str, key: str, cases: int, *, seed: int = 9) -> Result:
    """Send Authorization headers that are nearly good. Each has to be refused."""
    secret = key.encode()
    return in_threads(
        Result("damaged Authorization headers"),
        url,
        cases,
        lambda thread: (
            (header_request(value), value) for value in authorizations(secret, seed + thread)
        ),
        lambda _, answer: answer.status in {400, 401, 431},
    )


def fuzz_paths(url: str, cases: int, *, seed: int = 9) -> Result:
    """Send methods and paths that do not exist, or are not for strangers."""
    return in_threads(
        Result("paths and methods"),
        url,
        cases,
        lambda thread: (
            (path_request(method, target), b"%s %s" % (method, target))
            for method, target in targets(seed + thread)
        ),
        lambda case, answer: (
            answer.status >= 300
            or may_be_read(case.partition(b" ")[2])
            or case.startswith(b"OPTIONS")
        ),
    )


def in_threads(
    result: Result,
    url: str,
    cases: int,
    requests: Callable[[int], Iterator[tuple[bytes, bytes]]],
    is_expected: Callable[[bytes, Answer], bool],
) -> Result:
    """Send so many requests over kept connections, and judge the answers."""

    def send(thread: int) -> list[tuple[bytes, Answer | None]]:
        made = requests(thread)
        with Wire(url) as wire:
            return [
                (case, wire.ask(request))
                for request, case in (next(made) for _ in range(cases // THREADS))
            ]

    with ThreadPoolExecutor(THREADS) as pool:
        for answers in pool.map(send, range(THREADS)):
            for case, answer in answers:
                if answer is None:
                    result.cases += 1
                    result.findings.append(f"{case!r}: closed without an answer")
                else:
                    result.judge(repr(case), answer.status, is_expected=is_expected(case, answer))
    return result
