"""The terms that texts are searched by."""

import pytest

from chatbots.retrieval.analysis import MAX_TERMS, question_terms, terms, without
from chatbots.retrieval.languages import detect, primary


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What happens when I lose my keys?", ["happen", "lose", "key"]),
        ("We don't ship it's", ["ship"]),
        ("max_length", ["=max_length", "max", "length"]),
        ("json.dumps()", ["=json.dumps", "json", "dump"]),
        ("boot/txt.cfg", ["=boot/txt.cfg", "=txt.cfg", "boot", "txt", "cfg"]),
        (
            "http://shop.example",
            ["=http://shop.example", "=shop.example", "http", "shop", "exampl"],
        ),
        ("me@shop.example", ["=me@shop.example", "=shop.example", "shop", "exampl"]),
        ("and/or", []),
        ("--no-deps", ["=no-deps", "dep"]),
        ("AB-1200", ["=ab-1200", "ab", "1200"]),
        ("PayPal", ["=paypal", "paypal", "pay", "pal"]),
        ("C++", ["=c++", "c"]),
        ("state-of-the-art", ["state", "art"]),
        ("19.95 EUR at 9:30", ["19.95", "eur", "9", "30"]),
        ("?!", []),
    ],
)
def test_terms_of_english(text: str, expected: list[str]) -> None:
    assert terms(text, "en") == expected


def test_stems_follow_the_language_and_leave_accents_out() -> None:
    assert terms("Die Rücksendungen sind kostenlos", "de") == ["rucksend", "kostenlos"]
    assert terms("les clés perdues", "fr") == terms("la clé perdue", "fr")


def test_a_long_message_keeps_identifiers_and_long_words() -> None:
    message = " ".join(f"word{chr(97 + n % 26)}{n}x" for n in range(500)) + " order_number"
    found = question_terms(message, "en")
    assert len(found) == MAX_TERMS
    assert "=order_number" in found


def test_words_are_left_out_by_their_terms() -> None:
    assert without("Can InsiteChat's keys expire?", {"=insitechat"}, "en") == "Can keys expire?"
    assert without("as it is", set(), "en") == "as it is"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How long does the delivery take?", "en"),
        ("Wie lange dauert die Lieferung?", "de"),
        ("Combien de temps prend la livraison ?", "fr"),
        ("¿Cuánto tarda el envío?", "es"),
        ("Hvor lang tid tager det at få den?", "da"),
        ("xyzzy", "en"),
    ],
)
def test_a_language_is_told_by_its_common_words(text: str, language: str) -> None:
    assert detect(text) == language


def test_a_question_is_taken_to_be_in_a_language_of_the_chatbot() -> None:
    assert detect("Versand?", ["de", "en"]) == "de"
    assert detect("What does it cost?", ["de", "en"]) == "en"


def test_language_tags() -> None:
    assert [primary(tag) for tag in ("de-AT", "EN_us", "tlh", "")] == ["de", "en", "", ""]
