import pytest

from chatbots.retrieval.dialogue import is_small_talk, readings, subject_terms


@pytest.mark.parametrize(
    "message",
    ["Hi", "hello there!", "Thanks a lot", "ok, thanks!", "Danke", "What time is it now?"],
)
def test_small_talk_is_not_searched_for(message: str) -> None:
    assert readings(message, ["Do you ship to Norway?"]) == []


@pytest.mark.parametrize(
    "message",
    ["Hi, do you ship to Norway?", "thanks to whom?", "Hibernate", "What time is it delivered?"],
)
def test_a_greeting_with_a_question_is_searched_for(message: str) -> None:
    assert not is_small_talk(message)


@pytest.mark.parametrize(
    "message", ["And to Sweden?", "what about Sweden", "how much is it?", "Why?"]
)
def test_a_follow_up_is_read_with_the_question_before(message: str) -> None:
    earlier = ["Hours?", "Do you ship to Norway?"]
    assert readings(message, earlier) == [f"Do you ship to Norway? {message}", message]
    assert readings(message, []) == [message]


def test_another_question_is_read_by_itself() -> None:
    earlier = ["Do you ship to Norway?"]
    assert readings("What is the capital of France?", earlier) == ["What is the capital of France?"]


@pytest.mark.parametrize(
    ("message", "language", "named"),
    [
        ("And how much is it?", "en", set()),
        ("How long does it take?", "en", set()),
        ("Was kostet das?", "de", set()),
        ("And to Sweden?", "en", {"sweden"}),
        ("But who painted the Mona Lisa?", "en", {"paint", "mona", "lisa"}),
    ],
)
def test_what_a_follow_up_is_about(message: str, language: str, named: set[str]) -> None:
    assert subject_terms(message, language) == named
