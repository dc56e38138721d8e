"""The languages whose words are stemmed, and telling which one a text is in. Pure."""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

ENGLISH = "en"

# Snowball's algorithms by ISO 639-1 code.
STEMMERS: Mapping[str, str] = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}

STOP_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in tomllib.loads(
        Path(__file__).with_name("stop_words.toml").read_text(encoding="utf-8")
    ).items()
}
SAMPLE_CHARACTERS = 4000
WORD = re.compile(r"[^\W\d_]+")


def primary(code: str) -> str:
    """Return the language of a tag such as `de-AT`, or "" if its words cannot be stemmed."""
    language = code.replace("_", "-").split("-")[0].lower()
    return language if language in STEMMERS else ""


def detect(text: str, among: Sequence[str] = tuple(STOP_WORDS)) -> str:
    """Return the language whose stop words the text has most; in doubt the first of them."""
    words = Counter(WORD.findall(text[:SAMPLE_CHARACTERS].lower()))
    candidates = among or (ENGLISH,)
    return max(
        candidates,
        key=lambda language: sum(words[word] for word in STOP_WORDS.get(language, ())),
    )
