"""What is searched by words: the terms of a text. Pure.

A term is a word's stem, without accents. What looks like an identifier (`max_length`, `--no-deps`,
`json.dumps`, `sendMail`, `AB-1200`) is a term as a whole, marked by a leading `=`, and so are its
parts; of a path, each name that is an identifier (`boot/txt.cfg`: `txt.cfg`).
"""

import re
import unicodedata
from collections.abc import Iterator, Set

import Stemmer

from chatbots.retrieval.languages import STEMMERS, STOP_WORDS

# To be changed when texts get other terms than before: indexes are then built anew.
ANALYSER = "2"
MAX_TERM_LENGTH = 60
# Of a question. A long message is searched for its identifiers and its longest words.
MAX_TERMS = 48

# Letters and digits, joined by signs that stand between them without spaces.
TOKEN = re.compile(
    r"-{0,2}[^\W_](?:[^\W_]|[._:/@'’+#-]+(?=[^\W_])|_+|(?<=[^\W\d_])\+\+|#(?=\W|$))*(?:\(\))?|_+\w+"
)
PARTS = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*")
HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
PLAIN_WORD = re.compile(r"[^\W\d_]+(?:[-'’/][^\W\d_]+)*")
# Of the parts of a path, an address or a mailbox, which are known by themselves too.
EDGES = "-'’().:/"
SEPARATORS = re.compile(r"[/@#]+")
PLAIN_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
CLITIC = re.compile(r"['’](?:s|t|re|ve|ll|d|m)$|^(?:l|d|qu|c|j|n|s|m|t)['’](?=\w)", re.IGNORECASE)


def terms(text: str, language: str) -> list[str]:
    """Return the text's terms in their order, stop words left out."""
    stemmer = Stemmer.Stemmer(STEMMERS.get(language, "english"))
    stop_words = STOP_WORDS.get(language, frozenset())
    result = []
    for token in (CLITIC.sub("", token) for token in TOKEN.findall(text)):
        result += ["=" + folded(name) for name in identifiers(token)]
        words = [word for word in words_of(token) if word not in stop_words]
        result += [folded(stem) for stem in stemmer.stemWords(words)]
    return [term[:MAX_TERM_LENGTH] for term in result if term]


def question_terms(text: str, language: str) -> list[str]:
    """Return the question's different terms, MAX_TERMS at most."""
    distinct = list(dict.fromkeys(terms(text, language)))
    if len(distinct) <= MAX_TERMS:
        return distinct
    return sorted(distinct, key=lambda term: (not term.startswith("="), -len(term)))[:MAX_TERMS]


def without(text: str, left_out: Set[str], language: str) -> str:
    """Return the text without the words that make these terms."""
    if not left_out:
        return text
    kept = [word for word in text.split() if left_out.isdisjoint(terms(word, language))]
    return " ".join(kept)


def is_identifier(token: str) -> bool:
    if token.startswith("-") and len(token) > 2:
        return token.startswith("--")
    is_plain = not token or PLAIN_WORD.fullmatch(token) or PLAIN_NUMBER.fullmatch(token)
    return not is_plain or bool(HUMPS.search(token))


def identifiers(token: str) -> Iterator[str]:
    """Yield the token in lower case if it is an identifier, and so for each part of a path."""
    if not is_identifier(token):
        return
    whole = token.strip(EDGES).lower()
    yield whole
    names = [name.strip(EDGES) for name in SEPARATORS.split(token)]
    yield from (name.lower() for name in names if is_identifier(name) and name.lower() != whole)


def words_of(token: str) -> Iterator[str]:
    """Yield a token's parts in lower case; one such as `PayPal` as a whole too."""
    spaced = HUMPS.sub(" ", token)
    if spaced != token and token.isalpha():
        yield token.lower()
    for part in PARTS.findall(spaced):
        yield part.lower()


def folded(term: str) -> str:
    """Return the term without accents, which visitors often leave out."""
    if term.isascii():
        return term
    decomposed = unicodedata.normalize("NFKD", term)
    return "".join(character for character in decomposed if not unicodedata.combining(character))
