"""A message counts while it is answered, and stays counted if it was."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from accounts.models import User
from chatbots import answering, quota
from chatbots.jobs import give_back_unanswered_messages
from chatbots.models import Chatbot, ChatbotMessageUsage, Message, MessageUsage, Reservation
from chatbots.providers.base import Turn
from chatbots.quota import ReservationExpired, ReservedMessage, reserved_message
from tests.conftest import ApiClient

Texts = Generator[str, None, None]


@pytest.fixture
def used(alice: User) -> Callable[[], int]:
    """Return what counts alice's messages of the month, which her chatbots' add up to."""

    def used() -> int:
        counts = MessageUsage.objects.filter(owner=alice).values_list("used", flat=True)
        shares = ChatbotMessageUsage.objects.values_list("used", flat=True)
        assert sum(counts) == sum(shares)
        return sum(counts)

    return used


def stream(chatbot: Chatbot, texts: Iterable[str]) -> Texts:
    """Pass an answer on while it comes; what was asked for after a text, that text was sent."""
    with reserved_message(chatbot) as reservation:
        for text in texts:
            yield text
            reservation.keep()


def failing(*texts: str) -> Texts:
    yield from texts
    raise ConnectionError("the provider is gone")


def test_it_counts_in_the_block_and_after_it_only_if_kept(
    chatbot: Chatbot, used: Callable[[], int]
) -> None:
    with reserved_message(chatbot):
        assert used() == 1
    assert used() == 0
    with reserved_message(chatbot) as reservation:
        reservation.keep()
    assert used() == 1


def test_what_is_kept_stays_counted_whatever_follows(
    chatbot: Chatbot, used: Callable[[], int]
) -> None:
    def answer() -> None:
        with reserved_message(chatbot) as reservation:
            reservation.keep()
            raise ConnectionError

    with pytest.raises(ConnectionError):
        answer()
    assert used() == 1


def close_before_it_starts(texts: Texts) -> None:
    texts.close()


def close_while_the_first_text_is_sent(texts: Texts) -> None:
    next(texts)
    texts.close()


def close_while_the_second_text_is_sent(texts: Texts) -> None:
    next(texts)
    close_while_the_first_text_is_sent(texts)


def read_to_its_end(texts: Texts) -> None:
    assert list(texts) == ["We ", "do."]


@pytest.mark.parametrize(
    ("read", "counted"),
    [
        (close_before_it_starts, 0),
        (close_while_the_first_text_is_sent, 0),
        (close_while_the_second_text_is_sent, 1),
        (read_to_its_end, 1),
    ],
)
def test_a_stream_counts_from_its_first_text_on(
    chatbot: Chatbot, used: Callable[[], int], read: Callable[[Texts], None], counted: int
) -> None:
    texts = stream(chatbot, ["We ", "do."])
    read(texts)
    assert used() == counted


def test_a_stream_that_is_dropped_gives_its_message_back(
    chatbot: Chatbot, used: Callable[[], int]
) -> None:
    texts = stream(chatbot, ["We ", "do."])
    next(texts)
    assert used() == 1
    del texts
    assert used() == 0


@pytest.mark.parametrize(("sent", "counted"), [([], 0), (["We "], 1)])
def test_a_stream_that_fails_counts_if_a_text_was_sent(
    chatbot: Chatbot, used: Callable[[], int], sent: list[str], counted: int
) -> None:
    with pytest.raises(ConnectionError):
        list(stream(chatbot, failing(*sent)))
    assert used() == counted


def test_a_stream_without_a_text_does_not_count(chatbot: Chatbot, used: Callable[[], int]) -> None:
    assert list(stream(chatbot, [])) == []
    assert used() == 0


def test_an_answer_that_cannot_be_stored_does_not_count(
    api: ApiClient, chatbot: Chatbot, used: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(answering, "store_turn", fail)
    response = api.post(f"/chatbots/{chatbot.id}/chat", {"message": "Do you ship to Norway?"})
    assert response.status_code >= 500
    assert used() == 0


def expire() -> None:
    Reservation.objects.update(expires_at=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_given_back_now_is_given_back_by_a_job(
    chatbot: Chatbot,
    used: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(quota, "GIVE_BACK", "SELECT %s / 0")
        with pytest.raises(ConnectionError), reserved_message(chatbot):
            raise ConnectionError
    assert "given back when it expires" in caplog.text
    give_back_unanswered_messages()
    assert used() == 1
    expire()
    give_back_unanswered_messages()
    assert used() == 0


def test_each_that_a_killed_process_left_behind_is_given_back_once(
    chatbot: Chatbot, used: Callable[[], int]
) -> None:
    for _ in range(3):
        quota.reserve(chatbot)
    expire()
    with reserved_message(chatbot) as reservation:
        give_back_unanswered_messages()
        give_back_unanswered_messages()
        reservation.keep()
    assert used() == 1


def test_an_answer_after_its_reservation_has_expired_is_not_stored(
    api: ApiClient, chatbot: Chatbot, used: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_too_long(*_: object) -> list[Turn]:
        expire()
        give_back_unanswered_messages()
        return []

    monkeypatch.setattr(answering, "latest_turns", take_too_long)
    response = api.post(f"/chatbots/{chatbot.id}/chat", {"message": "Do you ship to Norway?"})
    assert response.status_code == 502
    assert used() == 0
    assert not Message.objects.exists()


def test_what_was_sent_is_counted_once_though_its_reservation_has_expired(
    chatbot: Chatbot, used: Callable[[], int]
) -> None:
    with reserved_message(chatbot) as reservation:
        expire()
        give_back_unanswered_messages()
        assert used() == 0
        reservation.keep_sent()
        reservation.keep_sent()
        reservation.keep()
    assert used() == 1


@pytest.mark.django_db(transaction=True)
def test_what_was_sent_counts_once_whoever_comes_first(
    chatbot: Chatbot, used: Callable[[], int]
) -> None:
    def keep(message: ReservedMessage) -> None:
        with closing(connection):
            message.keep_sent()

    def give_back(message: ReservedMessage) -> None:
        with closing(connection):
            quota.give_back(message.id)

    messages = [quota.reserve(chatbot) for _ in range(10)]
    with ThreadPoolExecutor(4) as threads:
        both = [threads.submit(do, message) for message in messages for do in (give_back, keep)]
        for future in both:
            future.result()
    assert used() == len(messages)


@pytest.mark.django_db(transaction=True)
def test_a_message_is_kept_or_given_back_whoever_comes_first(
    chatbot: Chatbot, used: Callable[[], int]
) -> None:
    def keep(message: ReservedMessage) -> bool:
        with closing(connection), suppress(ReservationExpired):
            message.keep()
        return message.is_kept

    def give_back(message: ReservedMessage) -> None:
        with closing(connection):
            quota.give_back(message.id)

    messages = [quota.reserve(chatbot) for _ in range(10)]
    with ThreadPoolExecutor(4) as threads:
        given_back = [threads.submit(give_back, message) for message in messages]
        kept = list(threads.map(keep, messages))
        for future in given_back:
            future.result()
    assert used() == sum(kept)
