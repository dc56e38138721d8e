"""Answering a visitor's message."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from time import monotonic

from django.db import transaction

from chatbots.conversations import latest_turns, store_turn
from chatbots.metrics import Chat, counted_chat, timed_provider
from chatbots.models import Chatbot
from chatbots.providers import provider_for
from chatbots.providers.base import Prompt, Turn
from chatbots.providers.language_model import LanguageModel
from chatbots.quota import ReservedMessage, reserved_message
from chatbots.retrieval.analysis import terms
from chatbots.retrieval.dialogue import readings, subject_terms
from chatbots.retrieval.scoring import NOTHING, THRESHOLD
from chatbots.retrieval.search import Findings, Passage, search

# Sessions have names, so that this one has no turns.
NO_SESSION = ""
# How far below the threshold a follow-up's own confidence may be.
FOLLOW_UP_ALLOWANCE = 2.5


class ChatbotPaused(Exception):
    """The owner has paused the chatbot."""


class VisitorLeft(Exception):
    """The visitor's connection was closed before there was an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the visitor is told, and the passages that the answer could be made from."""

    text: str
    passages: Sequence[Passage]
    is_fallback: bool
    message_id: int | None = None  # what it is stored as, if it is


def answer_message(chatbot: Chatbot, session_id: str, message: str) -> Answer:
    """Answer a message in its session, and count it against the owner's monthly quota.

    Raises ChatbotPaused, MessageQuotaReached, ProviderError or TooManyWaiting. Then nothing is
    counted or stored.
    """
    with begun(chatbot, session_id, message) as task:
        return task.end(task.answer())


def try_message(chatbot: Chatbot, message: str) -> Answer:
    """Answer a message as the first of a conversation; count it, and store nothing.

    The chatbot may have settings that are not saved. Raises what answer_message raises.
    """
    with begun(chatbot, NO_SESSION, message) as task:
        answer = task.made(task.answer())
        task.reservation.keep()
        return answer


def stream_answer(
    chatbot: Chatbot, session_id: str, message: str, is_wanted: Callable[[], bool]
) -> Generator[str, None, Answer]:
    """Yield the answer to a message in pieces as they are made; return it as a whole.

    A piece has been sent to the visitor when the next one is asked for. Closing this, or denying
    that the answer `is_wanted`, ends it: what was sent is stored then and counts as a message. If
    nothing was, or if it fails, nothing is counted or stored. It raises what answer_message raises,
    and VisitorLeft.
    """
    with begun(chatbot, session_id, message) as task:
        sent: list[str] = []
        try:
            with closing(task.pieces(is_wanted)) as pieces:
                for piece in pieces:
                    yield piece
                    sent.append(piece)
            if not sent and is_wanted():
                yield chatbot.fallback_message
        except GeneratorExit:
            task.break_off(sent)
            raise
        if not is_wanted():
            task.break_off(sent)
            raise VisitorLeft
        return task.end("".join(sent), was_sent=True)


@dataclass(frozen=True, slots=True)
class Task:
    """A message that is being answered."""

    chatbot: Chatbot
    session_id: str
    prompt: Prompt
    reservation: ReservedMessage
    chat: Chat
    began: float  # by time.monotonic()

    def answer(self) -> str | None:
        """Return the provider's answer, or None where there is none in the passages."""
        if not self.prompt.findings.passages:
            return None
        with timed_provider(self.chatbot.provider):
            return provider_for(self.chatbot).answer(self.prompt)

    def pieces(self, is_wanted: Callable[[], bool]) -> Generator[str, None, None]:
        """Yield the provider's answer as it comes; nothing where there is none in the passages."""
        if not self.prompt.findings.passages:
            return
        with timed_provider(self.chatbot.provider):
            provider = provider_for(self.chatbot)
            if isinstance(provider, LanguageModel):
                yield from provider.stream(self.prompt, is_wanted)
            elif text := provider.answer(self.prompt):
                yield text

    def end(self, text: str | None, *, was_sent: bool = False) -> Answer:
        """Store the answer and count it. Raises ReservationExpired, unless it was sent already."""
        answer = self.made(text)
        message_id = self._store(answer.text, is_fallback=answer.is_fallback, was_sent=was_sent)
        return replace(answer, message_id=message_id)

    def made(self, text: str | None) -> Answer:
        """Return the answer; where there is no text it is the fallback message."""
        self.chat.outcome = "answered" if text else "fallback"
        return Answer(
            text=text or self.chatbot.fallback_message,
            passages=self.prompt.findings.passages,
            is_fallback=not text,
        )

    def break_off(self, sent: Sequence[str]) -> None:
        """Store and count what a visitor got who left in the middle, if that is anything."""
        if sent:
            self._store("".join(sent), is_complete=False, was_sent=True)

    def _store(
        self,
        text: str,
        *,
        is_fallback: bool = False,
        is_complete: bool = True,
        was_sent: bool = False,
    ) -> int:
        with transaction.atomic():
            message_id = store_turn(
                self.chatbot,
                self.session_id,
                Turn(self.prompt.question, text),
                is_fallback=is_fallback,
                is_complete=is_complete,
                answer_milliseconds=round(1000 * (monotonic() - self.began)),
                confidence=self.prompt.findings.confidence,
                passages=self.prompt.findings.passages,
            )
            if was_sent:
                self.reservation.keep_sent()
            else:
                self.reservation.keep()
        return message_id


@contextmanager
def begun(chatbot: Chatbot, session_id: str, message: str) -> Iterator[Task]:
    """Reserve a message and find what it may be answered from."""
    if not chatbot.is_active:
        raise ChatbotPaused
    began = monotonic()
    with counted_chat(chatbot.provider) as chat, reserved_message(chatbot) as reservation:
        history = latest_turns(chatbot, session_id)
        findings = find(chatbot, message, history)
        prompt = Prompt(message, findings, history, chatbot.system_prompt)
        yield Task(chatbot, session_id, prompt, reservation, chat, began)


def find(chatbot: Chatbot, message: str, history: Sequence[Turn]) -> Findings:
    """Search for the message; if it is a follow-up, together with the question before it."""
    threshold = THRESHOLD + chatbot.threshold_shift
    questions = readings(message, [turn.question for turn in history])
    if not questions:
        return Findings((), NOTHING, threshold)
    *together, alone = [search(chatbot.id, question, threshold) for question in questions]
    if together and together[0].passages and goes_on(message, together[0], alone):
        return together[0]
    return alone


def goes_on(message: str, together: Findings, alone: Findings) -> bool:
    """Return whether a follow-up is about what was found together with the question before it.

    That question's answer is found whatever is added to it. So if the follow-up names anything, the
    best passage has to say as much of that as the best one for the follow-up alone. Where alone it
    has no answer, the sources have to know a little of it, or the passages half of what it names.
    """
    named = subject_terms(message, together.language)

    def said(passages: Sequence[Passage]) -> int:
        text = " ".join(f"{passage.title} {passage.text}" for passage in passages)
        return len(named.intersection(terms(text, together.language)))

    if not named:
        return True
    if alone.passages:
        return said(together.passages[:1]) >= said(alone.passages[:1])
    is_near = alone.confidence >= alone.threshold - FOLLOW_UP_ALLOWANCE
    return is_near or 2 * said(together.passages) >= len(named)
