"""A language model's reply as an answer, checked piece by piece while it comes."""

from collections.abc import Iterator

from chatbots.providers.base import Prompt, ProviderError
from chatbots.providers.links import LinkFilter, addresses_in

# The reply of a model that finds no answer. A visitor who tricks it into saying this gets no more
# than the fallback message.
NO_ANSWER = "NO_ANSWER"
AROUND_NO_ANSWER = "`\"'*. \t\r\n"

ANSWER_MAX_LENGTH = 16_000


class Reply:
    """Takes a reply in pieces and returns them as the pieces of an answer.

    Nothing comes out of a reply that says NO_ANSWER. White space around an answer is left out, and
    what comes after its ANSWER_MAX_LENGTH characters. Of links, those stay whose address stands in
    the prompt's passages.
    """

    def __init__(self, prompt: Prompt) -> None:
        passages = prompt.findings.passages
        self._filter = LinkFilter(
            addresses_in(text for passage in passages for text in (passage.text, passage.url))
        )
        self._is_blank = True  # nothing has come but white space
        self._held = ""  # what may turn out to be NO_ANSWER, or white space at the end
        self._length = 0

    @property
    def is_full(self) -> bool:
        return self._length == ANSWER_MAX_LENGTH

    def add(self, piece: str) -> str:
        """Return what of the answer is certain by now, which may be nothing."""
        self._is_blank = self._is_blank and not piece.strip()
        self._held += self._filter.feed(storable(piece))
        if not self._length:
            self._held = self._held.lstrip()
            if may_be_no_answer(self._held):
                return ""
        answer = self._held.rstrip()
        self._held = self._held[len(answer) :]
        return self._cut(answer)

    def end(self) -> str:
        """Return the rest of the answer. Raises ProviderError where the reply was blank."""
        if self._is_blank:
            raise ProviderError("an empty answer")
        rest = (self._held + self._filter.finish()).rstrip()
        if not self._length and is_no_answer(rest):
            return ""
        return self._cut(rest if self._length else rest.lstrip())

    def _cut(self, text: str) -> str:
        text = text[: ANSWER_MAX_LENGTH - self._length]
        self._length += len(text)
        return text


def answer_of(prompt: Prompt, pieces: Iterator[str]) -> Iterator[str]:
    """Yield the pieces of the answer that a model's reply makes; none where it has no answer.

    Raises ProviderError.
    """
    reply = Reply(prompt)
    for piece in pieces:
        if text := reply.add(piece):
            yield text
        if reply.is_full:
            return
    if text := reply.end():
        yield text


def storable(text: str) -> str:
    """Return the text without what PostgreSQL cannot store: NUL, and unpaired surrogates."""
    return text.replace("\0", "").encode(errors="replace").decode()


def is_no_answer(text: str) -> bool:
    return text.strip(AROUND_NO_ANSWER) == NO_ANSWER


def may_be_no_answer(text: str) -> bool:
    start = text.lstrip(AROUND_NO_ANSWER)
    rest = start.removeprefix(NO_ANSWER)
    return NO_ANSWER.startswith(start) or (rest != start and not rest.strip(AROUND_NO_ANSWER))
