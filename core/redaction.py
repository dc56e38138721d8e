"""Remove API keys from texts that are about to be logged, reported or recorded.

Keys are recognised by their looks, and so are damaged ones: with characters missing at either end,
with other text attached, or percent-encoded. A key's checksum gives a few missing characters away,
so most of a key is as secret as the whole.
"""

import logging
import re

BRAND = "ic_"
PREFIX_LENGTH = 8
# A shorter part of a key is no secret: at least 19 of its characters are unknown then.
PART_LENGTH = 20
BRANDED_LENGTH = 16  # the same for what begins as a key does

CHARACTER = "[A-Za-z0-9_-]"
# One of these characters, percent-encoded once or several times.
ENCODED = re.compile("%(?:25)*((?i:2d|5f|3[0-9]|[46][1-9a-f]|[57][0-9a]))")
RUN = re.compile(f"(?:{CHARACTER}|{ENCODED.pattern}){{{BRANDED_LENGTH},}}")
SEPARATORS = re.compile("[_-]+")
# What names, identifiers and UUIDs consist of. Of 38 random characters of a key, all pieces between
# separators look like this once in ten million times; of 44, once in a hundred million times.
WORD = re.compile(
    """
      [A-Z]?[a-z]{1,24} (?: [0-9]{1,4} [a-z]* )?                           # word, Word, sha256
    | [A-Z]{1,24} [0-9]{0,4}                                               # WORD, UTF8
    | (?: [a-z]{1,24} | [A-Z]{1,24} )? (?: [A-Z][a-z]{2,24} )+ [0-9]{0,4}  # camelCase, HTTPError
    | [0-9]+ [a-z]*                                                        # 2026, 3rd
    | [0-9a-f]+ | [0-9A-F]+                                                # UUIDs and digests
    """,
    re.VERBOSE,
)


def redact(text: str) -> str:
    """Return the text without API keys; where one begins undamaged, its prefix is left.

    Of the rest of a key, fewer than PART_LENGTH consecutive characters are left.
    """
    return RUN.sub(lambda run: redact_run(run[0]), text)


def redact_run(run: str) -> str:
    plain = ENCODED.sub(lambda encoded: chr(int(encoded[1], 16)), run)
    if plain.startswith(BRAND):
        return f"{plain[:PREFIX_LENGTH]}…"
    return run if len(plain) < PART_LENGTH or is_words(plain) else "…"


def is_words(text: str) -> bool:
    return all(WORD.fullmatch(piece) for piece in SEPARATORS.split(text) if piece)


class RedactingFormatter(logging.Formatter):
    """Formats log records, tracebacks included, without API keys."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
