import pytest

from chatbots.sentences import Section, sections


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("One. Two! Three.", [Section("", ["One.", "Two!", "Three."])]),
        ("# Title\nUnder it.", [Section("Title", ["Under it."])]),
        ("## Title ##\n\nUnder it.", [Section("Title", ["Under it."])]),
        ("Wrapped\nlines join.", [Section("", ["Wrapped lines join."])]),
        ("Do you ship?\nYes, we do.", [Section("Do you ship?", ["Yes, we do."])]),
        ("- one\n- two", [Section("", ["- one", "- two"])]),
        ("| a | b |\n| c | d |", [Section("", ["| a | b |", "| c | d |"])]),
        ("It costs 3.50 euros. Really.", [Section("", ["It costs 3.50 euros.", "Really."])]),
        ('He said "No." She left.', [Section("", ['He said "No."', "She left."])]),
        ("```\ncode\n```\nText.", [Section("", ["code", "Text."])]),
        ("# Only a heading", []),
    ],
)
def test_texts_fall_apart_where_people_would_cut_them(text: str, expected: list[Section]) -> None:
    assert sections(text) == expected
