"""Turning an owner's text into chunks that can be found and quoted."""

from typing import cast

from semchunk.semchunk import chunkerify

# About: models differ in what a token is. Four characters are one on average in English prose.
CHARACTERS_PER_TOKEN = 4
CHUNK_TOKENS = 512
OVERLAP_TOKENS = 50
# What an owner may paste at once; as UTF-8 it mostly stays below DATA_UPLOAD_MAX_MEMORY_SIZE.
MAX_TEXT_LENGTH = 500_000
# With its question this is one chunk.
MAX_ANSWER_LENGTH = 1_800


def count_tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def split(text: str) -> list[str]:
    """Split a text along its own structure into chunks of at most CHUNK_TOKENS that overlap."""
    split_text = chunkerify(count_tokens, chunk_size=CHUNK_TOKENS, memoize=False)
    chunks = cast(list[str], split_text(text, overlap=OVERLAP_TOKENS))
    return [chunk for chunk in chunks if chunk.strip()]


def pair(question: str, answer: str) -> str:
    """Return a question and its answer as the one chunk that is found by either's words."""
    return f"{question}\n{answer}"
