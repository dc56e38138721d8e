"""No part of a key that matters is left by redaction, and ordinary text is."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apikeys.tokens import BRAND, PREFIX_LENGTH, RANDOM_BYTES, checksum
from core.redaction import PART_LENGTH, redact

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "underscores encoded": lambda text: text.replace("_", "%5F"),
    "separators encoded in lower case": lambda text: text.replace("_", "%5f").replace("-", "%2d"),
    "all encoded": lambda text: "".join(f"%{ord(character):02X}" for character in text),
    "all encoded twice": lambda text: "".join(f"%25{ord(character):02x}" for character in text),
}


def key_of(seed: int) -> str:
    """Return the key that generate() makes of these random bits."""
    random = hashlib.blake2b(seed.to_bytes(16), digest_size=RANDOM_BYTES).digest()
    return BRAND + urlsafe_b64encode(random + checksum(random)).decode()


def decoded(text: str) -> str:
    while (plain := unquote(text)) != text:
        text = plain
    return text


def longest_secret_left(key: str, text: str) -> int:
    """Return how many consecutive characters of the key, its prefix apart, are in the text."""
    secret, longest = key[PREFIX_LENGTH:], 0
    for start in range(len(secret)):
        while secret[start : start + longest + 1] in text and start + longest < len(secret):
            longest += 1
    return longest


keys = st.builds(key_of, st.integers(0, 2**128 - 1))
around = st.text(max_size=20) | st.text("aZ0_-% ic/=&", max_size=20)


@given(keys, st.integers(0, 12), st.integers(0, 12), around, around, st.sampled_from([*ENCODINGS]))
@example(key_of(0), 0, 1, "", "", "plain")
@example(key_of(0), 3, 0, "", "", "plain")
@example(key_of(0), 0, 0, "%", "%4", "plain")
def test_of_a_damaged_key_nothing_useful_is_left(
    key: str, missing_first: int, missing_last: int, before: str, after: str, encoding: str
) -> None:
    damaged = key[missing_first : len(key) - missing_last]
    text = before + ENCODINGS[encoding](damaged) + after
    assert longest_secret_left(key, decoded(redact(text))) < PART_LENGTH


@given(keys, st.sampled_from([*ENCODINGS]))
def test_a_whole_key_is_cut_to_its_prefix(key: str, encoding: str) -> None:
    text = f"Authorization: Bearer {ENCODINGS[encoding](key)}\r\n"
    assert redact(text) == f"Authorization: Bearer {key[:PREFIX_LENGTH]}…\r\n"


@given(keys, st.integers(1, 20))
def test_a_key_without_its_end_is_cut_to_its_prefix(key: str, missing: int) -> None:
    assert redact(f"name={key[:-missing]}") == f"name={key[:PREFIX_LENGTH]}…"


@given(keys)
def test_a_key_without_its_start_is_cut_to_nothing(key: str) -> None:
    assert redact(f"“{key[len(BRAND) :]}”") == "“…”"
    assert redact(f"my-key-{key}") == "…"


@given(st.uuids())
def test_uuids_are_left(uuid: object) -> None:
    for text in (f"{uuid}", f"{uuid}".upper(), f"{uuid}".replace("-", ""), f"chatbot-{uuid}_x"):
        assert redact(text) == text


@given(
    st.lists(st.from_regex("[A-Z]?[a-z]{1,15}[0-9]{0,4}|[A-Z]{1,10}|[0-9]{1,10}", fullmatch=True)),
    st.sampled_from("_- ./,:"),
)
def test_ordinary_words_are_left(words: list[str], separator: str) -> None:
    text = separator.join(["The", *words])
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "ic_abcde",
        "basic_authentication_failed",
        "graphic_representation_of_calls",
        "Production-Server-Frankfurt-2026",
        "test_of_a_damaged_key_nothing_useful_is_left",
        "django.db.utils.OperationalError: server closed the connection unexpectedly",
        "ConnectionRefusedError",
        "DuplicatePreparedStatement",
        "urlsafe_b64encode",
        "2026-03-15T10:30:00.123456+00:00",
        "/usr/lib/python3.11/site-packages/psycopg_binary-3.3.2.dist-info",
        "cpython-311-x86_64-linux-gnu",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "some.body+2026@mail.example.org",
        "https://chat.example.org/dashboard/?next=%2Faccount%2Fsecurity-log%2F",
        "%E4%BD%A0%E5%A5%BD%E4%B8%96%E7%95%8C%E4%BD%A0%E5%A5%BD",
    ],
)
def test_ordinary_text_is_left(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ic_abcde" + "f" * 39, "ic_abcde…"),
        ("ic_abcde" + "f" * 20, "ic_abcde…"),
        ("Bearer ic_abcde" + "f" * 39 + "\r\n", "Bearer ic_abcde…\r\n"),
    ],
)
def test_what_begins_as_a_key_is_cut_whatever_follows(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_long_text_takes_no_time_to_speak_of() -> None:
    for text in ("a-" * 500_000, "%25" * 300_000, "aB" * 500_000, "ic_" * 300_000):
        redact(text)
