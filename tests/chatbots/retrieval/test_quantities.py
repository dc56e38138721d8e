"""Telling what a question asks the number of, and whether a text says it."""

import pytest

from chatbots.retrieval.quantities import counted, states_number


@pytest.mark.parametrize(
    ("question", "language", "terms"),
    [
        ("How many active keys can I have?", "en", {"activ", "key"}),
        ("max number of keys", "en", {"key"}),
        ("maximum sources", "en", {"sourc"}),
        ("Is there a limit on uploads?", "en", {"upload"}),
        ("Wie viele Artikel kann ich zurückgeben?", "de", {"artikel", "zuruckgeb"}),
        ("How do I revoke a key?", "en", set()),
        ("the number is engaged", "en", set()),
    ],
)
def test_what_is_counted(question: str, language: str, terms: set[str]) -> None:
    assert counted(question, language) == terms


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("An account may have at most 5 active keys.", True),
        ("Keep five keys in reserve.", True),
        ("The first 8 characters of the key are its prefix.", False),
        ("Keys are 47 characters long.", False),
        ("", False),
    ],
)
def test_a_number_of_keys_is_stated(text: str, *, states: bool) -> None:
    assert states_number(text, {"key"}, "en") is states
