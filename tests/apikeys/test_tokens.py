import base64
import hashlib
import re
import string
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys import tokens

URL_SAFE = string.ascii_letters + string.digits + "-_"


def test_key_is_the_brand_and_44_url_safe_characters() -> None:
    plaintext = tokens.generate().plaintext
    assert re.fullmatch(r"ic_[A-Za-z0-9_-]{44}", plaintext)
    assert len(plaintext) == 47


def test_key_carries_29_random_bytes_and_their_checksum() -> None:
    decoded = base64.urlsafe_b64decode(tokens.generate().plaintext[3:])
    assert len(decoded) == 33
    assert int.from_bytes(decoded[29:], "big") == zlib.crc32(decoded[:29])


def test_prefix_is_the_first_8_characters_of_the_whole_key() -> None:
    token = tokens.generate()
    assert token.prefix == token.plaintext[:8]
    assert token.prefix.startswith("ic_")


def test_digest_is_the_sha_256_of_the_whole_key() -> None:
    token = tokens.generate()
    assert token.digest == hashlib.sha256(token.plaintext.encode()).digest()


def test_repr_does_not_show_the_key() -> None:
    token = tokens.generate()
    assert token.plaintext[8:] not in repr(token)
    assert token.plaintext[8:] not in f"{token}"


def test_no_two_keys_are_alike() -> None:
    assert len({tokens.generate().plaintext for _ in range(1000)}) == 1000


def test_a_generated_key_is_well_formed() -> None:
    assert all(tokens.is_well_formed(tokens.generate().plaintext) for _ in range(1000))


@given(position=st.integers(3, 46), replacement=st.sampled_from(URL_SAFE))
def test_one_wrong_character_is_noticed(position: int, replacement: str) -> None:
    plaintext = tokens.generate().plaintext
    damaged = plaintext[:position] + replacement + plaintext[position + 1 :]
    assert tokens.is_well_formed(damaged) == (damaged == plaintext)


@pytest.mark.parametrize("position", range(3, 46))
def test_two_characters_that_changed_places_are_noticed(position: int) -> None:
    plaintext = tokens.generate().plaintext
    swapped = (
        plaintext[:position]
        + plaintext[position + 1]
        + plaintext[position]
        + plaintext[position + 2 :]
    )
    assert tokens.is_well_formed(swapped) == (swapped == plaintext)


@given(st.text())
def test_garbage_is_not_well_formed(text: str) -> None:
    assert not tokens.is_well_formed(text)


@pytest.mark.parametrize("text", ["", "ic_", "ic_" + "A" * 10_000_000, "ic_" + "é" * 44])
def test_garbage_of_any_size_is_not_well_formed(text: str) -> None:
    assert not tokens.is_well_formed(text)


def test_a_trailing_newline_is_not_part_of_a_key() -> None:
    assert not tokens.is_well_formed(tokens.generate().plaintext + "\n")
